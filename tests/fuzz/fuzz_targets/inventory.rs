#![no_main]
landfall_fuzz::fuzz!("inventory");
