use crate::definition::{TARGET_ARCH, Variables, is_name};

/// What ${NAME} stands for.
#[derive(Debug, clap::Args)]
pub(crate) struct VariableArgs {
    /// What ${NAME} stands for in the definition; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
}

impl VariableArgs {
    /// The variables, of which the others are the environment's.
    pub(crate) fn read(&self) -> Variables {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Variables::new(environment, self.set.clone())
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name == TARGET_ARCH {
        return Err(format!("{TARGET_ARCH} is the architecture of the bundle, from `arch` in the definition"));
    }
    if is_name(name) { Ok((name.to_owned(), value.to_owned())) } else { Err(format!("{name:?} is not a name")) }
}
