#![no_main]
landfall_fuzz::fuzz!("trust_chain");
