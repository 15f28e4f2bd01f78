//! The whole pipeline on any bytes, with a hard cap on memory.

#![no_main]

use extractor_fuzz::capped::Capped;
use libfuzzer_sys::fuzz_target;

/// Far below what the largest input could ask for by its headers.
#[global_allocator]
static MEMORY: Capped = Capped::new(96 << 20);

fuzz_target!(init: extractor_fuzz::known::let_pass(), |data: &[u8]| extractor_fuzz::pipeline::run(data));
