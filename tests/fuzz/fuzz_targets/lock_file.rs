#![no_main]
landfall_fuzz::fuzz!("lock_file");
