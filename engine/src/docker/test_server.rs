//! An engine on a unix socket that gives the same answer to every request for a path.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The status and the body of the answer to a path; `None` where the engine never answers.
pub(super) type Answers = fn(&str) -> Option<(&'static str, &'static str)>;

/// Serves `answers` until the task is aborted.
pub(super) fn listen(socket: &Path, answers: Answers) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answers));
        }
    })
}

async fn serve(mut stream: UnixStream, answers: Answers) {
    let (mut request, mut part) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut part).await.unwrap();
        if read == 0 {
            return;
        }
        request.push_str(std::str::from_utf8(&part[..read]).unwrap());
        while let Some((head, rest)) = request.split_once("\r\n\r\n") {
            let Some((status, body)) = answers(head.split(' ').nth(1).unwrap()) else {
                return std::future::pending().await;
            };
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            request = rest.to_owned();
        }
    }
}
