//! Ogg: Vorbis, Opus and FLAC, cut where libsndfile cuts.
//!
//! librosa reads Ogg through libsndfile, and where that cannot (the audio is not the first stream
//! of the file, or is FLAC) through ffmpeg. Pages, packets and granule positions are therefore
//! handled here, as libogg and libsndfile do:
//! * the first stream of audio is read, up to its end; what is chained behind it is measured and
//!   left;
//! * a page whose sum is wrong does not exist; behind missing pages the decoder begins anew;
//! * a position of -1 says nothing, and the page's packets count.

mod clock;
mod headers;
mod mapping;
mod packets;
mod page;
mod trailing;

use std::collections::VecDeque;
use std::io::Read;

use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::errors::Error;
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use self::clock::{Clock, Cut, Stamp};
use self::headers::{Headers, Setup};
use self::mapping::Mapping;
use self::packets::Assembler;
use self::page::{Page, Pages};
use self::trailing::Trailing;
use super::planes::{self, Precision};
use super::source::Fault;
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings, WarningCode};
use crate::limits::Limits;

/// Most logical streams side by side.
const MAX_STREAMS: usize = 256;

/// Frames from which on a block is handed out before its page is through. A page has at most 255
/// packets, which in Vorbis and Opus come to fewer, as cutting needs all of them; in FLAC, which is
/// not cut, they may come to more.
const BLOCK_FRAMES: usize = 3 << 19;

/// Reads and decodes one logical stream.
pub(super) struct OggReader {
    pages: Pages,
    fault: Fault,
    decoder: Box<dyn AudioDecoder>,
    codec: &'static str,
    precision: Precision,
    clock: Clock,
    serial: u32,
    assembler: Assembler,
    /// Packets of the current page that are not decoded yet.
    packets: VecDeque<Vec<u8>>,
    stamp: Option<Stamp>,
    /// Mono samples that are held back, as they may be no part of the audio.
    held: VecDeque<f32>,
    spec: Option<(u32, usize)>,
    declared: Option<u64>,
    frames: u64,
    /// Bytes of the pages that those frames are of.
    bytes: u64,
    trimmed: (u64, u64),
    holes: u64,
    /// No page of audio has come.
    is_at_start: bool,
    dropped: u64,
    trouble: Option<String>,
    /// There are other streams of audio, and it has not been said yet.
    has_several: bool,
    done: bool,
}

/// Why there is no next page of the stream.
enum End {
    /// The stream says that it is over.
    Regular,
    /// Another one begins, with this page.
    Chained(Page),
    /// The bytes are at their end.
    Early,
    /// What is decoded has another form from here on.
    Change,
}

impl OggReader {
    /// Reads the headers of the first stream of audio that is decoded.
    ///
    /// # Errors
    /// If there is none, or its headers are damaged, or outside the limits.
    pub(super) fn open(
        input: Box<dyn Read + Send + Sync>,
        fault: Fault,
        limits: &Limits,
    ) -> Result<Self, ExtractError> {
        let mut pages = Pages::new(input);
        let (streams, mut next) = first_pages(&mut pages, &fault)?;
        let tracks = streams.iter().filter(|stream| stream.mapping.is_decoded()).count();
        let (index, Stream { serial, mapping, mut assembler }) = choose(streams)?;
        let by_ffmpeg = index > 0 || matches!(mapping, Mapping::Flac { .. } | Mapping::OldFlac);
        let mut headers = Headers::new(mapping);
        let mut packets = VecDeque::new();
        let mut stamp = None;
        while !headers.is_complete() {
            let Some(page) = next else {
                return Err(ExtractError::UndecodableAudio {
                    detail: "the headers of the Ogg stream are cut".into(),
                });
            };
            if page.serial == serial {
                let taken = assembler.take(&page);
                if taken.has_hole {
                    return Err(ExtractError::UndecodableAudio {
                        detail: "the headers of the Ogg stream are damaged".into(),
                    });
                }
                for packet in taken.packets {
                    let is_audio = headers.is_complete();
                    packets.extend(if is_audio { Some(packet) } else { headers.take(packet) });
                }
                stamp = Some(Stamp::new(&page, false, true));
            }
            next = match headers.is_complete() {
                true => None,
                false => advance(&mut pages, &fault)?,
            };
        }
        let Setup { decoder, codec, clock, frames } = headers.finish(by_ffmpeg, limits)?;
        // Audio on the last page of Vorbis headers is against the rules, and libsndfile drops it.
        if codec == "vorbis" {
            packets.clear();
        }
        fault.header_ends();
        Ok(Self {
            pages,
            fault,
            decoder,
            codec,
            precision: if by_ffmpeg { Precision::Sixteen } else { Precision::Decoded },
            clock,
            serial,
            assembler,
            stamp: stamp.filter(|_| !packets.is_empty()),
            packets,
            held: VecDeque::new(),
            spec: None,
            declared: frames,
            frames: 0,
            bytes: 0,
            trimmed: (0, 0),
            holes: 0,
            is_at_start: true,
            dropped: 0,
            trouble: None,
            has_several: tracks > 1,
            done: false,
        })
    }

    /// Rate and channel count, known once a packet has been decoded.
    pub(super) fn spec(&self) -> Option<(u32, usize)> {
        self.spec
    }

    /// Frames of the encoder's own that are not handed out, at the start and at the end.
    pub(super) fn trimmed(&self) -> (u64, u64) {
        self.trimmed
    }

    /// Frames by FLAC's own count.
    pub(super) fn declared(&self) -> Option<DeclaredLength> {
        Some(DeclaredLength { frames: self.declared?, slack: 0 })
    }

    pub(super) fn codec(&self) -> &'static str {
        self.codec
    }

    /// Why no sample came, if a damage is known.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What was lost so far; `None` if nothing was.
    pub(super) fn damage(&self) -> Option<String> {
        (self.holes > 0 || self.dropped > 0).then(|| {
            format!(
                "{} gaps in the stream, {} pages with a wrong sum, {} undecodable packets dropped",
                self.holes, self.pages.damaged, self.dropped
            )
        })
    }

    /// Appends the mono samples of a page's packets; `false` at the end.
    pub(super) fn next_block(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<bool, ExtractError> {
        if std::mem::replace(&mut self.has_several, false) {
            findings.warn(
                WarningCode::SeveralTracks,
                "streams of audio side by side; the first is read",
            );
        }
        let before = out.len();
        while !self.done && out.len() == before {
            if let Some(end) = self.decode_page(out, findings)? {
                self.finish(end, findings)?;
            }
        }
        self.frames += (out.len() - before) as u64;
        Ok(out.len() > before)
    }

    /// Decodes the packets of the current page, or those of the next one.
    fn decode_page(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<Option<End>, ExtractError> {
        let mut stamp = match self.stamp.take() {
            Some(stamp) if stamp.is_last && self.packets.is_empty() => {
                return Ok(Some(End::Regular));
            }
            Some(stamp) if !self.packets.is_empty() => stamp,
            _ => match advance(&mut self.pages, &self.fault)? {
                None => return Ok(Some(End::Early)),
                Some(page) if page.is_first => return Ok(Some(End::Chained(page))),
                Some(page) if page.serial != self.serial => return Ok(None),
                Some(page) => self.enter(&page),
            },
        };
        let before = out.len();
        let mut change = None;
        while let Some(packet) = self.packets.pop_front() {
            self.fault.check()?;
            let at = out.len();
            if !self.decode(&packet, out)? {
                change = Some(End::Change);
                self.packets.clear();
            }
            stamp.last = out.len() - at;
            stamp.frames += stamp.last;
            if out.len() - before >= BLOCK_FRAMES {
                break;
            }
        }
        if self.packets.is_empty() && stamp.has_packets {
            self.cut(stamp, out, before, findings);
        }
        self.stamp = Some(stamp);
        Ok(change)
    }

    /// Takes the packets of the stream's next page.
    fn enter(&mut self, page: &Page) -> Stamp {
        let taken = self.assembler.take(page);
        self.bytes += page.bytes();
        // Who joins a stream while it runs gets its headers, and then pages with numbers of their own.
        let is_joined = std::mem::take(&mut self.is_at_start) && self.pages.passed == 0;
        let has_hole = taken.has_hole && !is_joined;
        if has_hole {
            self.holes += 1;
            // libsndfile begins anew behind a hole; FLAC's frames stand by themselves.
            if self.codec == "vorbis" {
                self.decoder.reset();
            }
        }
        self.packets = taken.packets.into();
        Stamp::new(page, has_hole, !self.packets.is_empty())
    }

    /// Appends the samples of a packet; `false` if its form is another than the first one's.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<bool, ExtractError> {
        // ffmpeg ends FLAC with an empty packet.
        if packet.is_empty() {
            return Ok(true);
        }
        let packet = PacketRef::new(0, Timestamp::new(0), Duration::ZERO, packet);
        match self.decoder.decode_ref(&packet) {
            Ok(audio) => {
                let spec = (audio.spec().rate(), audio.num_planes());
                if audio.frames() > 0 && *self.spec.get_or_insert(spec) != spec {
                    return Ok(false);
                }
                planes::downmix(&audio, 0..audio.frames(), self.precision, out);
            }
            // No packet is damaged; the stream is of a kind that is not decoded.
            Err(Error::Unsupported(what)) if self.codec == "opus" => {
                let codec = format!("{} ({what})", self.codec);
                return Err(ExtractError::UnsupportedCodec { codec });
            }
            Err(error) => {
                self.dropped += 1;
                self.trouble.get_or_insert_with(|| error.to_string());
            }
        }
        Ok(true)
    }

    /// Takes away what is no part of the audio.
    fn cut(&mut self, stamp: Stamp, out: &mut Vec<f32>, before: usize, findings: &mut Findings) {
        let Cut { drop, end, missing } = self.clock.page(stamp);
        findings.miss(missing);
        // Only FLAC is handed out in parts of a page, and it is not cut.
        let there = out.len() - before;
        if there == stamp.frames {
            out.truncate(before + end);
            out.drain(before + drop.start..before + drop.end);
            self.trimmed.0 += drop.len() as u64;
            self.trimmed.1 += (there - end) as u64;
        }
        let hold = self.clock.hold();
        if hold > 0 {
            self.held.extend(out.drain(before..));
            let ready = self.held.len().saturating_sub(hold);
            out.extend(self.held.drain(..ready));
        }
    }

    fn finish(&mut self, end: End, findings: &mut Findings) -> Result<(), ExtractError> {
        self.done = true;
        self.trimmed.1 += self.held.len() as u64;
        let frames = self.frames;
        let early = match &end {
            // Streams that are joined while they are sent need not say that they end.
            End::Regular | End::Chained(_) => None,
            End::Early if self.pages.is_cut => Some("the last page is cut"),
            End::Early => Some("no page ends the stream"),
            End::Change => Some("rate or channel count change"),
        };
        if matches!(end, End::Early) {
            // Of bytes at the end that are no pages no position says how long they were.
            let frames = u128::from(self.pages.passed) * u128::from(frames);
            findings.miss((frames / u128::from(self.bytes.max(1))) as u64);
        }
        if let Some(why) = early {
            let text = format!("after {frames} frames: {why}");
            findings.warn(WarningCode::TruncatedStream, text);
        } else if let Some(declared) = self.declared.filter(|&declared| declared != frames) {
            let text = format!("{declared} frames declared, {frames} decoded");
            findings.warn(WarningCode::DurationMismatch, text);
        }
        let mut trailing = Trailing::default();
        if let End::Chained(page) = &end {
            trailing.take(page);
        }
        while let Some(page) = advance(&mut self.pages, &self.fault)? {
            trailing.take(&page);
        }
        if let Some(text) = trailing.finish() {
            findings.warn(WarningCode::TrailingAudio, text);
        }
        Ok(())
    }
}

impl Stamp {
    fn new(page: &Page, has_hole: bool, has_packets: bool) -> Self {
        // Old versions of libogg gave a position to pages on which no packet ends.
        let granule = page.granule.filter(|_| has_packets);
        let is_last = page.is_last;
        Self { granule, is_last, has_hole, has_packets, frames: 0, last: 0 }
    }
}

/// The next page of any stream.
fn advance(pages: &mut Pages, fault: &Fault) -> Result<Option<Page>, ExtractError> {
    let page = pages.next();
    fault.check()?;
    page
}

/// A logical stream whose first page has been read.
struct Stream {
    serial: u32,
    mapping: Mapping,
    assembler: Assembler,
}

/// The logical streams that begin side by side, and the page behind their first ones.
fn first_pages(
    pages: &mut Pages,
    fault: &Fault,
) -> Result<(Vec<Stream>, Option<Page>), ExtractError> {
    let mut streams = Vec::new();
    loop {
        match advance(pages, fault)? {
            Some(page) if page.is_first && streams.len() < MAX_STREAMS => {
                let mut assembler = Assembler::default();
                let taken = assembler.take(&page);
                let mapping = Mapping::of(taken.packets.first().map_or(&[], Vec::as_slice));
                streams.push(Stream { serial: page.serial, mapping, assembler });
            }
            None if streams.is_empty() => {
                let detail = "no complete Ogg page".into();
                return Err(ExtractError::UndecodableAudio { detail });
            }
            Some(_) if streams.is_empty() => {
                let detail = "the Ogg stream begins in its middle, without headers".into();
                return Err(ExtractError::UndecodableAudio { detail });
            }
            page => return Ok((streams, page)),
        }
    }
}

/// The first stream that is decoded, and how many begin before it.
fn choose(mut streams: Vec<Stream>) -> Result<(usize, Stream), ExtractError> {
    let decoded = streams.iter().position(|stream| stream.mapping.is_decoded());
    let found = decoded.or_else(|| streams.iter().position(|stream| stream.mapping.is_audio()));
    let index = found.ok_or(ExtractError::NoAudioTrack)?;
    match streams.swap_remove(index) {
        Stream { mapping: Mapping::Foreign(codec), .. } => {
            Err(ExtractError::UnsupportedCodec { codec })
        }
        stream => Ok((index, stream)),
    }
}
