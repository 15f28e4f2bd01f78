//! A stream's two ends: what is read, who waits, who is told, and how it ends.

use std::io::{Read, Seek, SeekFrom};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use super::{Pause, StreamBounds, stream};
use crate::decode::{Decoder, EncodedAudio, PcmLayout, PcmSample};
use crate::error::ExtractError;
use crate::limits::Limits;

fn bounds() -> StreamBounds {
    let max_idle = Duration::from_secs(10);
    StreamBounds { max_bytes: 1 << 20, max_idle, max_unread: 100 }
}

#[test]
fn chunks_are_one_run_of_bytes() {
    let (writer, mut reader) = stream(bounds());
    for chunk in ["0", "", "1234", "56789"] {
        writer.push(chunk).unwrap();
    }
    let mut buf = [0; 4];
    reader.seek(SeekFrom::Start(3)).unwrap();
    reader.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"3456");
    reader.seek(SeekFrom::Start(0)).unwrap();
    writer.finish();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "0123456789");
    assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 9);
    assert_eq!(reader.read(&mut buf).unwrap(), 1);
    reader.seek(SeekFrom::Start(99)).unwrap();
    assert_eq!(reader.read(&mut buf).unwrap(), 0);
}

#[test]
fn what_was_let_go_is_an_error_and_no_other_bytes() {
    let (writer, mut reader) = stream(bounds());
    for chunk in ["0123", "4567", "89"] {
        writer.push(chunk).unwrap();
    }
    reader.forgetting().start();
    reader.read_exact(&mut [0; 6]).unwrap();
    let mut buf = [0; 2];
    // The chunk of byte 4 is still in use.
    reader.seek(SeekFrom::Start(4)).unwrap();
    reader.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"45");
    for pos in [0, 3] {
        reader.seek(SeekFrom::Start(pos)).unwrap();
        assert!(reader.read(&mut buf).unwrap_err().to_string().contains("let go"), "byte {pos}");
    }
    writer.finish();
    reader.seek(SeekFrom::Start(6)).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "6789");
    reader.seek(SeekFrom::Start(9)).unwrap();
    assert!(reader.read(&mut buf).is_err());
}

#[test]
fn samples_come_before_the_end_of_the_stream() {
    let (writer, reader) = stream(bounds());
    let layout = PcmLayout { sample: PcmSample::S16Le, sample_rate: 8000, channels: 1 };
    let audio = EncodedAudio::from_stream(reader).with_pcm(layout);
    writer.push(vec![1; 20_000]).unwrap();
    let mut decoder = Decoder::open(audio, &Limits::default()).unwrap();
    let mut block = Vec::new();
    assert!(decoder.next_mono_block(&mut block).unwrap());
    assert!(writer.held() > 0);
    drop(decoder);
    writer.push("ignored").unwrap();
    assert_eq!(writer.held(), 0, "nobody wants them any more");
}

#[test]
fn a_writer_waits_while_enough_lies_unread() {
    let (writer, mut reader) = stream(bounds());
    let ready = || writer.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready();
    writer.push(vec![1; 60]).unwrap();
    assert!(ready());
    writer.push(vec![2; 60]).unwrap();
    assert!(!ready());
    let mut buf = [0; 30];
    reader.read_exact(&mut buf).unwrap();
    assert!(ready());
    assert_eq!(writer.held(), 120);
    reader.forgetting().start();
    reader.read_exact(&mut [0; 31]).unwrap();
    assert_eq!(writer.held(), 60);
    reader.read_exact(&mut buf).unwrap();
    assert_eq!(buf, [2; 30]);
    writer.push(vec![3; 200]).unwrap();
    assert!(!ready());
    drop(reader);
    assert!(ready());
}

/// Counts pauses; the first word comes in one.
struct Counting(std::sync::mpsc::SyncSender<&'static str>);

impl Pause for Counting {
    fn begin(&self) {
        self.0.send("begin").unwrap();
    }

    fn end(&self) -> Result<(), ExtractError> {
        self.0.send("end").unwrap();
        Ok(())
    }
}

#[test]
fn a_reader_pauses_only_while_it_waits_and_is_fed_meanwhile() {
    let (writer, reader) = stream(bounds());
    let (sender, pauses) = std::sync::mpsc::sync_channel(9);
    let mut reader = reader.with_pause(Counting(sender));
    // More than may lie unread, but not what the reader wants.
    writer.push(vec![1; 150]).unwrap();
    let thread = thread::spawn(move || {
        let mut buf = [0; 200];
        reader.read_exact(&mut buf[..150]).unwrap();
        reader.seek(SeekFrom::Start(0)).unwrap();
        reader.read_exact(&mut buf).unwrap();
    });
    assert_eq!(pauses.recv(), Ok("begin"));
    let ready = writer.poll_ready(&mut Context::from_waker(Waker::noop()));
    assert!(ready.is_ready());
    writer.push(vec![1; 50]).unwrap();
    thread.join().unwrap();
    assert_eq!(pauses.iter().collect::<Vec<_>>(), ["end"]);
}

#[test]
fn a_blocked_reader_is_woken() {
    let (writer, mut reader) = stream(bounds());
    let thread = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    for _ in 0..50 {
        writer.push("ab").unwrap();
        thread::yield_now();
    }
    writer.finish();
    assert_eq!(thread.join().unwrap().unwrap(), "ab".repeat(50));
}

/// What a decoder says of a stream that `act` ends.
fn fault(bounds: StreamBounds, act: impl FnOnce(super::StreamWriter)) -> ExtractError {
    let (writer, reader) = stream(bounds);
    writer.push("fLaC").unwrap();
    act(writer);
    Decoder::open(EncodedAudio::from_stream(reader), &Limits::default()).unwrap_err()
}

#[test]
fn every_way_to_end_has_its_error() {
    assert_eq!(fault(bounds(), drop), ExtractError::Cancelled);
    assert_eq!(fault(bounds(), super::StreamWriter::finish).reason(), "UNDECODABLE_AUDIO");

    let limit = Duration::from_millis(20);
    let idle = StreamBounds { max_idle: limit, ..bounds() };
    let keep = |writer| std::mem::forget::<super::StreamWriter>(writer);
    assert_eq!(fault(idle, keep), ExtractError::StreamIdle { limit });

    let small = StreamBounds { max_bytes: 6, ..bounds() };
    let error = fault(small, |writer| {
        assert!(writer.push("12").is_ok());
        assert!(writer.push("3").is_err());
        assert!(writer.push("4").is_err());
    });
    assert_eq!(error, ExtractError::StreamTooLarge { limit: 6 });
}
