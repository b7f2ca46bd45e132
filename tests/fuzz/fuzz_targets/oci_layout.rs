#![no_main]
landfall_fuzz::fuzz!("oci_layout");
