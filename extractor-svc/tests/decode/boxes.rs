//! Files of boxes, made for a test: QuickTime with PCM of any form.

/// A box.
pub(crate) fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// One sound track of PCM, and how its file is laid out.
#[derive(Clone)]
pub(crate) struct Track {
    /// Letters of the sample description, its version, bits and flags.
    pub(crate) kind: [u8; 4],
    pub(crate) version: u16,
    pub(crate) bits: u16,
    pub(crate) flags: u32,
    pub(crate) channels: u16,
    /// Boxes in the sample description.
    pub(crate) inner: Vec<u8>,
    /// Frames as bytes.
    pub(crate) data: Vec<u8>,
    pub(crate) frame_bytes: u32,
    pub(crate) is_enabled: bool,
    /// Start (-1 is nothing) and length in frames.
    pub(crate) edits: Vec<(i32, u32)>,
    pub(crate) has_long_offsets: bool,
}

/// Frames per second, and ticks of movie and track.
pub(crate) const RATE: u16 = 8000;

impl Track {
    /// 16-bit samples of one channel, little-endian.
    pub(crate) fn sowt(samples: &[i16]) -> Self {
        Self {
            kind: *b"sowt",
            version: 0,
            bits: 16,
            flags: 0,
            channels: 1,
            inner: Vec::new(),
            data: samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            frame_bytes: 2,
            is_enabled: true,
            edits: Vec::new(),
            has_long_offsets: false,
        }
    }

    fn description(&self) -> Vec<u8> {
        let short = |value: u16| value.to_be_bytes().to_vec();
        let long = |value: u32| value.to_be_bytes().to_vec();
        let mut body = [vec![0; 6], short(1), short(self.version), vec![0; 6]].concat();
        let common = [short(self.channels), short(self.bits), vec![0; 4]].concat();
        body.extend(common);
        body.extend(long(u32::from(RATE) << 16));
        match self.version {
            1 => body.extend([long(1), long(self.bits.into()), vec![0; 8]].concat()),
            2 => {
                body.extend(long(72));
                body.extend(f64::from(RATE).to_be_bytes());
                body.extend([long(self.channels.into()), long(0x7f00_0000)].concat());
                let sample = [self.bits.into(), self.flags, self.frame_bytes, 1];
                body.extend(sample.into_iter().flat_map(u32::to_be_bytes));
            }
            _ => {}
        }
        body.extend(&self.inner);
        boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(&self.kind, &body)].concat())
    }

    /// `trak`; the data is one chunk at `offset`.
    fn boxed(&self, id: u8, offset: u64) -> Vec<u8> {
        let numbers = |values: &[u32]| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_be_bytes()).collect()
        };
        let frames = self.data.len() as u32 / self.frame_bytes.max(1);
        let offsets = if self.has_long_offsets {
            let rows = [&numbers(&[0, 1])[..], &offset.to_be_bytes()].concat();
            boxed(b"co64", &rows)
        } else {
            boxed(b"stco", &numbers(&[0, 1, offset as u32]))
        };
        let stbl = [
            self.description(),
            boxed(b"stts", &numbers(&[0, 1, frames, 1])),
            boxed(b"stsc", &numbers(&[0, 1, 1, frames, 1])),
            boxed(b"stsz", &numbers(&[0, 1, frames])),
            offsets,
        ];
        let minf = boxed(b"minf", &boxed(b"stbl", &stbl.concat()));
        let mdhd = boxed(b"mdhd", &numbers(&[0, 0, 0, RATE.into(), frames]));
        let hdlr = boxed(b"hdlr", b"\0\0\0\0mhlrsoun");
        let tkhd = numbers(&[u32::from(self.is_enabled), 0, 0, id.into()]);
        let mut edits = numbers(&[0, self.edits.len() as u32]);
        for &(start, len) in &self.edits {
            edits.extend(numbers(&[len, start as u32, 0x1_0000]));
        }
        let edts = boxed(b"edts", &boxed(b"elst", &edits));
        let parts = [
            boxed(b"tkhd", &tkhd),
            if self.edits.is_empty() { Vec::new() } else { edts },
            boxed(b"mdia", &[mdhd, hdlr, minf].concat()),
        ];
        boxed(b"trak", &parts.concat())
    }
}

/// The movie of tracks whose data begins at `offset`, one behind the other.
fn movie(tracks: &[Track], more: &[u8], mut offset: u64) -> Vec<u8> {
    let mut body = boxed(b"mvhd", &[&[0; 12][..], &u32::from(RATE).to_be_bytes()].concat());
    for (id, track) in (1..).zip(tracks) {
        body.extend(track.boxed(id, offset));
        offset += track.data.len() as u64;
    }
    body.extend(more);
    boxed(b"moov", &body)
}

fn data(tracks: &[Track]) -> Vec<u8> {
    tracks.iter().flat_map(|track| track.data.clone()).collect()
}

/// A file with the movie first; `more` are boxes in it.
pub(crate) fn movie_first(front: &[u8], tracks: &[Track], more: &[u8]) -> Vec<u8> {
    let len = front.len() + movie(tracks, more, 0).len() + 8;
    let movie = movie(tracks, more, len as u64);
    [front.to_vec(), movie, boxed(b"mdat", &data(tracks))].concat()
}

/// A file with the data first, whose box has a size of 64 bits.
pub(crate) fn data_first(front: &[u8], tracks: &[Track]) -> Vec<u8> {
    let data = data(tracks);
    let size = (data.len() as u64 + 16).to_be_bytes();
    let media = [&[0, 0, 0, 1][..], b"mdat", &size, &data].concat();
    [front.to_vec(), media, movie(tracks, &[], front.len() as u64 + 16)].concat()
}
