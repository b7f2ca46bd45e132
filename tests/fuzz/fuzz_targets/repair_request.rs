#![no_main]
landfall_fuzz::fuzz!("repair_request");
