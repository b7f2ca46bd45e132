#![no_main]
landfall_fuzz::fuzz!("package_index");
