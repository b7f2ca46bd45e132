#![no_main]
landfall_fuzz::fuzz!("bundle_index");
