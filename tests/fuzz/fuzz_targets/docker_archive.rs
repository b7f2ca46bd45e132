#![no_main]
landfall_fuzz::fuzz!("docker_archive");
