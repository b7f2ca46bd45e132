use landfall_console::{Exit, Failure, message_with_causes};
use landfall_manifests::repair::RepairRequest;
use landfall_media::RequestFile;
use std::path::Path;

/// The file that a request would be written to. Anything but an older request is not replaced.
pub(crate) fn request_file(path: &Path) -> Result<RequestFile, Failure> {
    RequestFile::new(path).map_err(|error| {
        let hint = "name a file for the request that is not there yet";
        Failure::new(Exit::Usage, "exists", message_with_causes(&error)).hint(hint)
    })
}

/// Writes the request, and adds to the failure of the bundle how to go on. Where it cannot be written, the failure keeps its exit
/// code and its word for scripts, and says that too.
pub(crate) fn write_request(file: &RequestFile, request: &RepairRequest, failure: &Failure) -> Failure {
    let (hint, message) = match file.write(request) {
        Ok(()) => (next_step(file), failure.to_string()),
        Err(error) => (
            "name a file with --request that can be written".to_owned(),
            format!("{failure}\nthe repair request was not written: {}", message_with_causes(&error)),
        ),
    };
    Failure::new(failure.exit(), failure.code(), message).hint(hint)
}

fn next_step(file: &RequestFile) -> String {
    let path = file.path();
    format!(
        "take {} to where the bundle was made; `landfall-bundler repair {} --from BUNDLE` makes a patch there, and \
         --patch takes it here",
        path.display(),
        path.file_name().unwrap_or(path.as_os_str()).display(),
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_cannot_be_written_leaves_the_verdict_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = Failure::new(Exit::Damaged, "damaged", "bundle.tar is damaged");
        for (name, expected) in
            [("request", ""), ("no-such-folder/request", "\nthe repair request was not written: cannot create")]
        {
            let file = RequestFile::new(&folder.path().join(name)).unwrap();
            let failure = write_request(&file, &RepairRequest::Head, &damaged);
            assert_eq!((failure.exit(), failure.code()), (Exit::Damaged, "damaged"));
            let message = failure.to_string();
            assert!(message.starts_with(&format!("bundle.tar is damaged{expected}")), "{message}");
            assert_eq!(message.contains("No such file"), !expected.is_empty(), "{message}");
        }
    }
}
