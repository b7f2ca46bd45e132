#![no_main]
landfall_fuzz::fuzz!("public_key");
