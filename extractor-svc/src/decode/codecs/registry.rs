//! Every decoder there is: symphonia's, and those that are added here.

use std::sync::LazyLock;

use symphonia::core::codecs::registry::CodecRegistry;

/// The decoders of this build.
pub(in crate::decode) fn decoders() -> &'static CodecRegistry {
    static DECODERS: LazyLock<CodecRegistry> = LazyLock::new(|| {
        let mut registry = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut registry);
        registry
    });
    &DECODERS
}
