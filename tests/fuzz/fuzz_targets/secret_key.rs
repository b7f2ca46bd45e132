#![no_main]
landfall_fuzz::fuzz!("secret_key");
