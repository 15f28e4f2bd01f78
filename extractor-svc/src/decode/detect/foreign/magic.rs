//! Markers at fixed places: what a kind of file always begins with.
//!
//! The values are those of the formats' own descriptions, as the `file` command and PRONOM list them.

use super::kind::Kind::{self, Archive, Audio, Codec, Media, Other, Protected, Score};
use super::kind::{Doubt, Foreign};

/// Place, bytes there, what it is, its name.
type Marker = (usize, &'static [u8], Kind, &'static str);

/// The first that fits counts.
const MARKERS: [Marker; 133] = [
    // Lossless audio.
    (0, b"wvpk", Audio, "WavPack"),
    (0, b"MAC ", Audio, "Monkey's Audio"),
    (0, b"MACF", Audio, "Monkey's Audio"),
    (0, b"TTA1", Audio, "True Audio (TTA)"),
    (0, b"TTA2", Audio, "True Audio (TTA)"),
    (0, b"tBaK", Audio, "TAK"),
    (0, b"OFR ", Audio, "OptimFROG"),
    (0, b"ajkg", Audio, "Shorten"),
    (0, b"LA02", Audio, "Lossless Audio (LA)"),
    (0, b"LA03", Audio, "Lossless Audio (LA)"),
    (0, b"LA04", Audio, "Lossless Audio (LA)"),
    (0, b"LPAC", Audio, "LPAC"),
    (0, b"ALS\0", Audio, "MPEG-4 ALS"),
    (0, b"DSD \x1c\0\0\0", Audio, "DSD (DSF)"),
    (0, b"FRM8", Audio, "DSD (DSDIFF)"),
    // Lossy audio.
    (0, b"MP+\x07", Audio, "Musepack SV7"),
    (0, b"MP+\x17", Audio, "Musepack SV7"),
    (0, b"MP+", Audio, "Musepack"),
    (0, b"MPCK", Audio, "Musepack SV8"),
    (0, b"TWIN", Audio, "TwinVQ (VQF)"),
    (0, b"ADIF", Audio, "AAC in ADIF"),
    (0, b"#!AMR-WB\n", Audio, "AMR-WB"),
    (0, b"#!AMR-WB_MC", Audio, "AMR-WB"),
    (0, b"#!AMR", Audio, "AMR"),
    (0, b"#!EVS", Audio, "EVS"),
    (0, b"#!SILK_V3", Audio, "SILK"),
    (1, b"#!SILK_V3", Audio, "SILK"),
    (0, b"\x0a#!SILK", Audio, "SILK"),
    (0, b"#!iLBC", Audio, "iLBC"),
    (0, b".ra\xfd", Audio, "RealAudio"),
    (0, b"ea3\x03", Audio, "ATRAC (OpenMG)"),
    (0, b"EA3\x01", Audio, "ATRAC (OpenMG)"),
    (0, b"EA3\x02", Audio, "ATRAC (OpenMG)"),
    (8, b"QLCM", Audio, "QCELP (QCP)"),
    (0, b"\xc0\xde\xf0\x0d", Audio, "Codec 2"),
    (0, b"\xc0\xde\xc2", Audio, "Codec 2"),
    (0, b"DTSHDHDR", Codec, "dts"),
    (0, b"\x7f\xfe\x80\x01", Codec, "dts"),
    (0, b"\xfe\x7f\x01\x80", Codec, "dts"),
    (0, b"\x64\x58\x20\x25", Codec, "dts"),
    (4, b"\xf8\x72\x6f\xba", Codec, "truehd"),
    (4, b"\xf8\x72\x6f\xbb", Codec, "mlp"),
    (0, b"\xf8\x72\x4e\x1f", Codec, "iec61937"),
    (0, b"\x72\xf8\x1f\x4e", Codec, "iec61937"),
    // Speech, music and research files of old.
    (0, b"Creative Voice File\x1a", Audio, "Creative Voice (VOC)"),
    (0, b"NIST_1A\n", Audio, "NIST SPHERE"),
    (0, b"ALawSoundFile**", Audio, "Psion WVE"),
    (0, b"PVF1\n", Audio, "Portable Voice Format"),
    (0, b"\x64\xa3\x01\0", Audio, "IRCAM"),
    (0, b"\x64\xa3\x02\0", Audio, "IRCAM"),
    (0, b"\0\x01\xa3\x64", Audio, "IRCAM"),
    (0, b"\0\x02\xa3\x64", Audio, "IRCAM"),
    (0, b" paf", Audio, "Ensoniq PARIS"),
    (0, b"fap ", Audio, "Ensoniq PARIS"),
    (0, b"2BIT", Audio, "Audio Visual Research"),
    (0, b"SOUND SAMPLE DATA ", Audio, "Turtle Beach SampleVision"),
    (8, b"8SVX", Audio, "Amiga 8SVX"),
    (8, b"16SV", Audio, "Amiga 16SV"),
    (8, b"MAUD", Audio, "Amiga MAUD"),
    // Audio of games.
    (0, b"RSTM", Audio, "BRSTM"),
    (0, b"VAGp", Audio, "VAG"),
    (0, b"FSB4", Audio, "FMOD bank"),
    (0, b"FSB5", Audio, "FMOD bank"),
    (0, b"HCA\0", Audio, "HCA"),
    // Protected audio.
    (4, b"\x57\x90\x75\x36", Protected, "Audible AA"),
    (0, b"CTENFDAM", Protected, "NetEase NCM"),
    (0, b"\x7c\xd5\x32\xeb\x86\x02\x7f\x4b", Protected, "KGM"),
    (0, b"age-encryption.org/", Protected, "an age file"),
    (0, b"Salted__", Protected, "an OpenSSL file"),
    // Scores.
    (0, b"MThd", Score, "MIDI"),
    (8, b"RMID", Score, "MIDI"),
    (0, b"Extended Module: ", Score, "an XM module"),
    (0, b"IMPM", Score, "an IT module"),
    (44, b"SCRM", Score, "an S3M module"),
    (1080, b"M.K.", Score, "a MOD module"),
    (1080, b"M!K!", Score, "a MOD module"),
    (1080, b"FLT4", Score, "a MOD module"),
    (1080, b"FLT8", Score, "a MOD module"),
    (1080, b"4CHN", Score, "a MOD module"),
    (1080, b"6CHN", Score, "a MOD module"),
    (1080, b"8CHN", Score, "a MOD module"),
    (0, b"NESM\x1a", Score, "NES music"),
    (0, b"SNES-SPC700", Score, "SNES music"),
    (0, b"PSID", Score, "SID music"),
    (0, b"RSID", Score, "SID music"),
    (0, b"Vgm ", Score, "VGM music"),
    (8, b"sfbk", Score, "a SoundFont"),
    // Video and transport.
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Media, "ASF (WMA)"),
    (0, b".RMF", Media, "RealMedia"),
    (0, b"FLV\x01", Media, "Flash video"),
    (8, b"AVI ", Media, "AVI"),
    (8, b"CDXA", Media, "a Video CD track"),
    (0, b"\0\0\x01\xba", Media, "an MPEG program stream"),
    (0, b"\0\0\x01\xb3", Media, "MPEG video"),
    (0, b"FWS", Media, "Flash (SWF)"),
    (0, b"CWS", Media, "Flash (SWF)"),
    (0, b"ZWS", Media, "Flash (SWF)"),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01", Media, "MXF"),
    (0, b"\xb7\xd8\0\x20\x37\x49\xda\x11", Media, "Windows TV recording"),
    (0, b"BIKi", Media, "Bink video"),
    (0, b"SMK2", Media, "Smacker video"),
    (0, b"nut/multimedia container\0", Media, "NUT"),
    // Pictures and documents.
    (0, b"\x89PNG", Other, "a PNG picture"),
    (0, b"\xff\xd8\xff", Other, "a JPEG picture"),
    (0, b"GIF87a", Other, "a GIF picture"),
    (0, b"GIF89a", Other, "a GIF picture"),
    (8, b"WEBP", Other, "a WebP picture"),
    (0, b"II*\0", Other, "a TIFF picture"),
    (0, b"MM\0*", Other, "a TIFF picture"),
    (0, b"%PDF", Other, "a PDF document"),
    (0, b"{\\rtf", Other, "an RTF document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Other, "an Office document"),
    (0, b"SQLite format 3\0", Other, "an SQLite database"),
    (0, b"PAR1", Other, "a Parquet table"),
    (0, b"ARROW1", Other, "an Arrow table"),
    (0, b"\x93NUMPY", Other, "a NumPy array"),
    (0, b"MATLAB 5.0", Other, "a MATLAB file"),
    (0, b"\x89HDF", Other, "an HDF5 file"),
    (0, b"\x7fELF", Other, "a program"),
    (0, b"\xca\xfe\xba\xbe", Other, "a program"),
    (0, b"\xcf\xfa\xed\xfe", Other, "a program"),
    // Archives.
    (0, b"PK\x03\x04", Archive, "a ZIP archive"),
    (0, b"PK\x05\x06", Archive, "an empty ZIP archive"),
    (0, b"BZh", Archive, "a bzip2 file"),
    (0, b"\xfd7zXZ\0", Archive, "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", Archive, "a Zstandard file"),
    (0, b"\x04\x22\x4d\x18", Archive, "an LZ4 file"),
    (0, b"Rar!\x1a\x07", Archive, "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", Archive, "a 7z archive"),
    (257, b"ustar", Archive, "a tar archive"),
    // RIFF of forms that have no name above; WAVE had its turn before.
    (0, b"RIFX", Other, "a RIFX file that is no WAVE"),
    (0, b"RIFF", Other, "a RIFF file that is no WAVE"),
    (0, b"bplist00", Other, "a property list"),
];

/// Markers of two or three bytes, and what must be right besides.
type Checked = (&'static [u8], fn(&[u8]) -> bool, Kind, &'static str);

const CHECKED: [Checked; 4] = [
    // Deflate, and no reserved flag.
    (
        b"\x1f\x8b\x08",
        |head| head.get(3).is_some_and(|flags| flags & 0xe0 == 0),
        Archive,
        "a gzip file",
    ),
    // The header of the program proper, at the place that is written at 60.
    (b"MZ", is_portable_executable, Other, "a program"),
    // The size of the file, and the offset of the pixels.
    (b"BM", |head| head.get(6..10) == Some(&[0; 4]), Other, "a BMP picture"),
    // The copyright words lie where bytes 2 and 3 say.
    (b"\x80\0", is_adx, Audio, "CRI ADX"),
];

/// The kind of file whose marker `head` has.
pub(super) fn find(head: &[u8], doubt: Doubt) -> Option<Foreign> {
    let has = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    // Forms at byte 8 belong to RIFF and IFF.
    let is_chunked = [&b"RIFF"[..], b"FORM", b"RIFX"].iter().any(|marker| has(0, marker));
    let marked = MARKERS.iter().find(|(at, bytes, ..)| {
        let is_held = match (*at, &bytes[..]) {
            (8, _) => is_chunked,
            (0, b"BZh") => has(4, b"1AY&SY") || has(4, b"\x17\x72\x45\x38\x50\x90"),
            (0, b"FWS" | b"CWS" | b"ZWS") => head.get(3).is_some_and(|&version| version <= 64),
            (0, b"RIFF") => head.get(8..12).is_some_and(|form| form != b"WAVE"),
            // A JPEG picture goes on with a segment of one of these kinds.
            (0, b"\xff\xd8\xff") => head.get(3).is_some_and(|&kind| kind >= 0xc0),
            _ => true,
        };
        is_held && has(*at, bytes) && (doubt == Doubt::Little || is_certain(bytes, head))
    });
    let marked = marked.map(|&(_, _, kind, name)| (kind, name));
    marked.or_else(|| {
        let checked = CHECKED.iter().find(|(bytes, is_right, ..)| {
            has(0, bytes) && is_right(head) && (doubt == Doubt::Little || is_sure(bytes, head))
        });
        checked.map(|&(_, _, kind, name)| (kind, name))
    })
}

/// The same of one of two or three bytes.
fn is_sure(marker: &[u8], head: &[u8]) -> bool {
    match marker {
        // How hard it was tried, and on which system, has few values (RFC 1952, 2.3.1).
        b"\x1f\x8b\x08" => matches!(head, [_, _, _, _, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..]),
        // Zeros, by which it is held, are samples too.
        b"BM" => false,
        _ => true,
    }
}

/// Whether a marker, with what else its kind always has, is 32 bits at least that no silence has.
fn is_certain(marker: &[u8], head: &[u8]) -> bool {
    let has = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    match marker {
        b"\xff\xd8\xff" => has(6, b"JFIF") || has(6, b"Exif"),
        // The clock reference begins with bits that say the version (ISO 13818-1, 2.5.3.3).
        b"\0\0\x01\xba" => {
            head.get(4).is_some_and(|&byte| byte & 0xc4 == 0x44 || byte & 0xf1 == 0x21)
        }
        b"\0\0\x01\xb3" | b"RIFF" | b"RIFX" => false,
        b"BZh" => true,
        marker => marker.len() >= 4,
    }
}

fn is_portable_executable(head: &[u8]) -> bool {
    let at = head.get(60..64).and_then(|at| at.try_into().ok()).map(u32::from_le_bytes);
    at.and_then(|at| head.get(at as usize..)).is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

fn is_adx(head: &[u8]) -> bool {
    let at = head.get(2..4).and_then(|at| at.try_into().ok()).map(u16::from_be_bytes);
    let words = at.and_then(|at| head.get(usize::from(at).checked_sub(2)?..));
    words.is_some_and(|rest| rest.starts_with(b"(c)CRI"))
}

#[cfg(test)]
mod tests {
    use super::{CHECKED, Doubt, MARKERS, find};

    #[test]
    fn every_marker_is_found_at_its_place() {
        for (at, bytes, kind, name) in MARKERS {
            let mut head = vec![b'.'; 1200];
            if at == 8 {
                head[..4].copy_from_slice(b"RIFF");
            }
            head[at..at + bytes.len()].copy_from_slice(bytes);
            match bytes {
                b"BZh" => head[4..10].copy_from_slice(b"1AY&SY"),
                b"FWS" | b"CWS" | b"ZWS" => head[3] = 9,
                b"\xff\xd8\xff" => head[3] = 0xe0,
                _ => {}
            }
            assert_eq!(find(&head, Doubt::Little), Some((kind, name)));
            // At another place it is nothing.
            head.insert(0, b'.');
            let moved = find(&head, Doubt::Little);
            assert!(moved.is_none_or(|(_, other)| other != name || name == "SILK"), "{name}");
        }
        for (bytes, _, _, name) in CHECKED {
            let head = [bytes, &[0xff; 80]].concat();
            assert_eq!(find(&head, Doubt::Little), None, "{name}");
        }
    }

    #[test]
    fn short_markers_need_more() {
        let found = |head: &[u8]| find(head, Doubt::Little).map(|(_, name)| name);
        assert_eq!(found(b"\x1f\x8b\x08\0\0\0\0\0\0\x03"), Some("a gzip file"));
        let mut program = b"MZ".to_vec();
        program.resize(128, 0);
        (program[60], program[61]) = (70, 0);
        assert_eq!(found(&program), None);
        program[70..74].copy_from_slice(b"PE\0\0");
        assert_eq!(found(&program), Some("a program"));
        assert_eq!(found(b"BM\x36\x10\0\0\0\0\0\0\x36\0"), Some("a BMP picture"));
        assert_eq!(found(b"\x80\0\0\x0a\x03\x12....(c)CRI"), None);
        assert_eq!(found(b"\x80\0\0\x0a\x03\x12..(c)CRI"), Some("CRI ADX"));
        assert_eq!(found(b"BZh9.........."), None);
        assert_eq!(found(b"RIFF\0\0\0\0"), None, "the form is not there yet");
    }
}
