//! The connected side: `build` against zstd, `verify` against sha256sum.

use crate::measure::{peak_memory, seconds};
use crate::table::{Row, in_turn};
use crate::{Bench, against, at_most};
use anyhow::Result;
use landfall_tests::Command;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let bundle = bench.publisher.pack(&bench.release)?;
    let build = || -> Result<Command> {
        let command = bench.publisher.bundler()?.args(["build", "1.0.0.toml", "--key", "landfall.key", "--out"]);
        Ok(command.arg(&bundle))
    };
    let compressed = bench.publisher.file("large.zst");
    let compress =
        || Command::new("zstd").args(["-3", "-T0", "-q", "-f"]).arg(&bench.archive).arg("-o").arg(&compressed);
    let verify = || -> Result<Command> {
        let command = Command::new(bench.publisher.programs().installer()?).arg("verify").arg(&bundle);
        Ok(command.arg("--trust").arg(bench.publisher.public_key()))
    };
    let hash = || Command::new("sha256sum").arg(&bundle);

    let building = in_turn(|| seconds(build()?), || seconds(compress()))?;
    let verifying = in_turn(|| seconds(verify()?), || seconds(hash()))?;
    std::fs::remove_file(&compressed)?;
    Ok(vec![
        against("`build` of a 600 MB docker-archive", "`zstd -3 -T0` of the archive", 1.3, building),
        against("`verify` of the bundle", "`sha256sum` of the bundle", 0.8, verifying),
        at_most("memory of `build`", "MiB", 64.0, peak_memory(build()?)?),
        at_most("memory of `verify`", "MiB", 64.0, peak_memory(verify()?)?),
    ])
}
