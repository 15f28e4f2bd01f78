//! Names of the codecs behind WAVE format tags that are not read, so that a refusal can say them.
//!
//! Tags are those of Microsoft's `mmreg.h` and of the registry in RFC 2361.

const NAMES: [(std::ops::RangeInclusive<u16>, &str); 33] = [
    (0x0005..=0x0005, "ibm_cvsd"),
    (0x0008..=0x0008, "dts"),
    (0x0009..=0x0009, "drm (encrypted)"),
    (0x000a..=0x000b, "wma_voice"),
    (0x0010..=0x0010, "adpcm_oki"),
    (0x0012..=0x0012, "adpcm_mediaspace"),
    (0x0014..=0x0014, "adpcm_g723"),
    (0x0020..=0x0020, "adpcm_yamaha"),
    (0x0022..=0x0022, "truespeech"),
    (0x0031..=0x0031, "gsm"),
    (0x0038..=0x0038, "adpcm_g721"),
    (0x0040..=0x0040, "adpcm_g721"),
    (0x0042..=0x0042, "g723.1"),
    (0x0045..=0x0045, "adpcm_g726"),
    (0x0061..=0x0062, "adpcm_ima_dk"),
    (0x0064..=0x0064, "adpcm_g726"),
    (0x0065..=0x0065, "adpcm_g722"),
    (0x0070..=0x0075, "voxware"),
    (0x0083..=0x0083, "g729"),
    (0x0092..=0x0092, "ac3 (S/PDIF)"),
    (0x00ff..=0x00ff, "aac"),
    (0x0130..=0x0130, "sipr"),
    (0x0160..=0x0163, "wma"),
    (0x0164..=0x0164, "wma (S/PDIF)"),
    (0x0200..=0x0200, "adpcm_creative"),
    (0x0270..=0x0270, "atrac3"),
    (0x1600..=0x1610, "aac"),
    (0x2000..=0x2000, "ac3"),
    (0x2001..=0x2001, "dts"),
    (0x566f..=0x566f, "vorbis"),
    (0x674f..=0x6771, "vorbis"),
    (0x704f..=0x704f, "opus"),
    (0xf1ac..=0xf1ac, "flac"),
];

/// The codec's name, and its tag.
pub(super) fn name(tag: u16) -> String {
    match NAMES.iter().find(|(tags, _)| tags.contains(&tag)) {
        Some((_, name)) => format!("{name} (wave format {tag:#06x})"),
        None => format!("wave format {tag:#06x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, name};

    #[test]
    fn tags_have_names() {
        assert_eq!(name(0x161), "wma (wave format 0x0161)");
        assert_eq!(name(0x6750), "vorbis (wave format 0x6750)");
        assert_eq!(name(0xfffe), "wave format 0xfffe");
        let mut ends = NAMES.map(|(tags, _)| [*tags.start(), *tags.end()]).concat();
        assert!(ends.windows(2).step_by(2).all(|pair| pair[0] <= pair[1]));
        ends.dedup();
        assert!(ends.is_sorted(), "tags are in order and do not overlap");
    }
}
