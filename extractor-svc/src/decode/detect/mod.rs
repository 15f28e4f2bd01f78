//! Which reader the bytes need.
//!
//! An ID3v2 tag may precede any container. Containers are recognised by their marker; frames of MPEG
//! audio, of ADTS and pages of Ogg behind other bytes are found by symphonia's probe.

mod foreign;
pub(in crate::decode) mod marker;
pub(in crate::decode) mod mismatch;
mod stored;
pub(in crate::decode) mod trailing;

use std::io::Read;

use symphonia::core::formats::FormatReader;
use symphonia::core::formats::well_known as format_id;

use super::containers::adts::{self, AdtsReader};
use super::containers::matroska::{self, MatroskaReader};
use super::containers::{flac, mp4};
use super::mpeg::tags::{self, Tag};
use super::mpeg::{self, MpegReader};
use super::ogg::OggReader;
use super::packets::{self, PacketReader};
use super::pcm::{Encoding, PcmReader};
use super::reader::Reader;
use super::source::{EncodedAudio, Fault, PcmLayout, PcmSample, SourceView};
use super::spec::check_spec;
use crate::error::ExtractError;
use crate::findings::WarningCode;
use crate::limits::Limits;

/// Most ID3v2 tags in a row.
const MAX_TAGS: usize = 16;

/// Opens the reader for `audio`; returns it with the container's name.
pub(super) fn open(
    audio: EncodedAudio,
    limits: &Limits,
) -> Result<(&'static str, Reader), ExtractError> {
    let mut view = SourceView::new(audio.source, limits, audio.stop).forgetting(audio.forgetting);
    if let Some(layout) = audio.pcm {
        return Ok(("raw", headerless(view, layout, limits)?));
    }
    let start = skip_tags(&mut view)?;
    let mut head = [0; 16];
    let there = view.read_at(start, &mut head)?;
    if there == 0 {
        return Err(ExtractError::EmptyAudio);
    }
    if let Some((container, contents)) = stored::read(&mut view, start, &head[..there])? {
        return Ok((container, stored::open(view, contents, limits)?));
    }
    if head.starts_with(b"fLaC") {
        let (stream_info, frames) = flac::read(&mut view, start)?;
        let fault = view.fault();
        let view = view.show(Vec::new(), frames, None);
        let format = Box::new(flac::FlacFrames::new(view, stream_info));
        let reader = PacketReader::open(format, fault, limits)?;
        return Ok(("flac", Reader::Packets(reader)));
    }
    if head.starts_with(b"OggS") {
        let fault = view.fault();
        let view = view.show(Vec::new(), start, None);
        return Ok(("ogg", Reader::Ogg(OggReader::open(Box::new(view), fault, limits)?)));
    }
    if mp4::is_one(head) {
        return Ok(("mp4", boxes(view, start, limits)?));
    }
    if head.starts_with(&matroska::MARKER) {
        return Ok(("mkv", matroska(view, start, limits)?));
    }
    if adts::begins(&mut view, start)? {
        let fault = view.fault();
        let view = view.show(Vec::new(), start, None);
        return Ok(("adts", adts_frames(Box::new(view), fault, limits)?));
    }
    let [a, b, c, d, ..] = head;
    if mpeg::is_free_format([a, b, c, d]) {
        return Err(ExtractError::UnsupportedCodec { codec: "mp3 (free format)".into() });
    }
    foreign::refuse(&mut view, start)?;
    let view = view.show(Vec::new(), start, None);
    if head.starts_with(b"caff") {
        // What describes its packets may follow them.
        return Ok(("caf", probed_packets(view.seekable(), limits)?));
    }
    frames(view, limits)
}

fn headerless(
    mut view: SourceView,
    layout: PcmLayout,
    limits: &Limits,
) -> Result<Reader, ExtractError> {
    let encoding = match layout.sample {
        PcmSample::S16Le => Encoding::S16,
        PcmSample::F32Le => Encoding::F32,
    };
    mismatch::check(&mut view, layout.sample)?;
    let spec = (layout.sample_rate, usize::from(layout.channels));
    check_spec(spec.0, spec.1, limits)?;
    let view = view.show(Vec::new(), 0, None);
    let reader = PcmReader::new(view, encoding, spec.1, None).headerless();
    Ok(Reader::Pcm { reader, codec: encoding.codec(), spec })
}

fn boxes(view: SourceView, start: u64, limits: &Limits) -> Result<Reader, ExtractError> {
    let fault = view.fault();
    let mp4::Opened { reader, equal_tracks } = mp4::open(view, start, limits)?;
    let reader = PacketReader::open(reader, fault, limits)?;
    if equal_tracks == 0 {
        return Ok(Reader::Packets(reader));
    }
    let text = format!(
        "audio tracks that are enabled and have as many channels, and are not read: {equal_tracks}"
    );
    Ok(Reader::Packets(reader.remarking(WarningCode::SeveralTracks, text)))
}

fn matroska(view: SourceView, start: u64, limits: &Limits) -> Result<Reader, ExtractError> {
    let fault = view.fault();
    let format = MatroskaReader::open(view, start)?;
    let equals = format.equals();
    let reader = PacketReader::open(Box::new(format), fault, limits)?;
    if equals == 0 {
        return Ok(Reader::Packets(reader));
    }
    let text = format!("audio tracks that have the rank of the first, and are not read: {equals}");
    Ok(Reader::Packets(reader.remarking(WarningCode::SeveralTracks, text)))
}

fn adts_frames(
    input: Box<dyn Read + Send + Sync>,
    fault: Fault,
    limits: &Limits,
) -> Result<Reader, ExtractError> {
    let format = AdtsReader::open(input).or_else(|error| fault.check().and(Err(error)))?;
    Ok(Reader::Packets(PacketReader::open(Box::new(format), fault, limits)?))
}

fn probed_packets(view: SourceView, limits: &Limits) -> Result<Reader, ExtractError> {
    let fault = view.fault();
    Ok(Reader::Packets(PacketReader::open(packets::probe(view)?, fault, limits)?))
}

/// Finds frames that carry their own marker, which may begin anywhere; what has a head is read only
/// where the audio begins, as libsndfile and ffmpeg do.
fn frames(view: SourceView, limits: &Limits) -> Result<(&'static str, Reader), ExtractError> {
    let fault = view.fault();
    let format = packets::probe(view).map_err(|error| match error {
        // What only seemed to be a marker.
        ExtractError::UndecodableAudio { .. } => packets::no_marker(),
        error => error,
    })?;
    let (id, name) = (format.format_info().format, format.format_info().short_name);
    match id {
        format_id::FORMAT_ID_MP1 | format_id::FORMAT_ID_MP2 | format_id::FORMAT_ID_MP3 => {
            let input = rewound(format)?;
            Ok((name, Reader::Mpeg(Box::new(MpegReader::open(Box::new(input), fault)?))))
        }
        format_id::FORMAT_ID_OGG => {
            let input = rewound(format)?;
            Ok(("ogg", Reader::Ogg(OggReader::open(Box::new(input), fault, limits)?)))
        }
        format_id::FORMAT_ID_ADTS => {
            let input = rewound(format)?;
            Ok(("adts", adts_frames(Box::new(input), fault, limits)?))
        }
        _ => {
            Err(ExtractError::UnsupportedContainer { detail: format!("{name} behind other bytes") })
        }
    }
}

fn rewound(
    format: Box<dyn FormatReader>,
) -> Result<symphonia::core::io::MediaSourceStream<'static>, ExtractError> {
    use std::io::{Seek, SeekFrom};
    let mut stream = format.into_inner();
    match stream.seek(SeekFrom::Start(0)) {
        Ok(_) => Ok(stream),
        Err(error) => Err(ExtractError::SourceFailed { detail: error.to_string() }),
    }
}

/// Where the container begins behind ID3v2 tags. Their contents are not read.
fn skip_tags(view: &mut SourceView) -> Result<u64, ExtractError> {
    let mut pos = 0;
    for _ in 0..MAX_TAGS {
        let mut head = [0; 10];
        if view.read_at(pos, &mut head)? < head.len() {
            break;
        }
        let Some(Tag::Of(len)) = tags::at(&head).filter(|_| head.starts_with(b"ID3")) else {
            break;
        };
        pos += len;
        if view.read_at(pos - 1, &mut [0])? == 0 {
            return Err(ExtractError::UndecodableAudio {
                detail: format!("an ID3v2 tag of {len} bytes reaches past the end"),
            });
        }
    }
    Ok(pos)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::skip_tags;
    use crate::decode::source::SourceView;
    use crate::limits::Limits;

    fn check(bytes: &[u8], expected: Option<u64>) {
        let mut view =
            SourceView::new(Box::new(Cursor::new(bytes.to_vec())), &Limits::default(), None);
        assert_eq!(skip_tags(&mut view).ok(), expected);
    }

    #[test]
    fn tags_are_skipped_by_their_length() {
        let tag = [&b"ID3\x04\0\0\0\0\x01\x02"[..], &[0; 130]].concat();
        check(&[tag.clone(), tag.clone(), b"fLaC123456".to_vec()].concat(), Some(280));
        check(&[&b"ID3\x04\0\x10\0\0\0\x01"[..], &[0; 11], b"OggS000000"].concat(), Some(21));
        check(b"RIFF0000000000000", Some(0));
        check(b"ID3\x04\0\0\xff\0\0\x010000", Some(0));
        check(&tag[..100], None);
        check(b"", Some(0));
    }
}
