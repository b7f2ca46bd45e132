//! Copies between two connections, and can be interrupted between two bytes.
//!
//! Nothing is read before the other side can accept it, so that hardly ever are there bytes that were read from one side and not yet
//! written to the other. The two sockets are therefore the whole state of the copy: another process that receives them can continue it.

use super::Phase;
use super::direction::{Beginning, Direction, Failed};
use crate::network::Activity;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a client may go on sending once it was sent all that a tenant had answered whose connection failed. Closing a connection with
/// unread bytes resets it, and the client then loses what it has not read yet (RFC 9112 section 9.6).
const LINGER_TIMEOUT: Duration = Duration::from_secs(30);

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyEnd {
    /// Both sides closed their direction.
    Finished,
    /// The handover began; both connections are open, and no byte is in between.
    Interrupted,
}

/// Copies both ways until both sides have closed, the client's connection fails, or the handover begins. Where the tenant's fails, the client
/// still gets what the tenant has sent: a tenant may answer and close before it has read the whole request.
pub(super) async fn both_ways(
    client: &mut TcpStream,
    tenant: &mut TcpStream,
    beginning: Beginning,
    phase: &watch::Receiver<Phase>,
    activity: &Activity,
) -> Result<CopyEnd, Failed> {
    let ((mut from_client, to_client), (mut from_tenant, to_tenant)) = (client.split(), tenant.split());
    let (mut waiting, mut first) = (phase.clone(), true);
    let mut handing_over = pin!(Phase::HandingOver.begun(&mut waiting));
    let [mut there, mut back] = [Direction::new(beginning), Direction::new(beginning)];
    let (mut interrupted, mut lingering) = (false, None);
    // Both directions in one task, which is woken once for both.
    poll_fn(|context| {
        // Its task is woken when the phase changes, and need not wait for that anew each time that something moves.
        if std::mem::take(&mut first) || phase.has_changed().unwrap_or(true) {
            interrupted = interrupted || handing_over.as_mut().poll(context).is_ready();
        }
        let come = match back.poll(context, &mut from_tenant, to_client.as_ref(), interrupted, activity) {
            Poll::Ready(Err(Failed::Sender)) => {
                back.ended = true;
                there.discard();
                Poll::Ready(())
            }
            polled => polled?,
        };
        let gone = match there.poll(context, &mut from_client, to_tenant.as_ref(), interrupted, activity) {
            Poll::Ready(Err(Failed::Receiver)) => {
                there.discard();
                there.poll(context, &mut from_client, to_tenant.as_ref(), interrupted, activity)?
            }
            polled => polled?,
        };
        if there.ended && back.ended {
            return Poll::Ready(Ok(CopyEnd::Finished));
        }
        // Where both have ended, the caller closes both sockets, which says the same.
        there.pass_end_on(to_tenant.as_ref());
        back.pass_end_on(to_client.as_ref());
        if there.discarded.is_some() {
            let mut lingered =
                || lingering.get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT))).as_mut().poll(context);
            // A connection that failed is not handed over: systemd would drop it.
            if interrupted || (back.ended && lingered().is_ready()) {
                return Poll::Ready(Ok(CopyEnd::Finished));
            }
        }
        match (gone, come) {
            (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(Ok(CopyEnd::Interrupted)),
            (Poll::Pending, _) | (_, Poll::Pending) => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::network::Clock;
    use rustix::net::sockopt;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    /// How long to wait for what must happen.
    const LIMIT: Duration = Duration::from_mins(5);
    /// How much the kernel may hold for a client, in bytes: a small part of what is sent.
    const BUFFER: usize = 64 << 10;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (one, other) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        (one.unwrap(), other.unwrap().0)
    }

    #[tokio::test]
    async fn no_byte_is_lost_or_repeated_however_often_the_copy_is_handed_over() {
        let ((mut client, mut near), (mut far, mut tenant)) = (pair().await, pair().await);
        sockopt::set_socket_recv_buffer_size(&client, BUFFER).unwrap();
        sockopt::set_socket_send_buffer_size(&near, BUFFER).unwrap();
        // The copy is handed over each time that the client has read something.
        let (read, mut was_read) = mpsc::channel(1);
        let sent: Vec<u8> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
        let answer = sent.clone();
        let tenant = tokio::spawn(async move {
            tenant.write_all(&answer).await.unwrap();
            tenant.shutdown().await.unwrap();
            let mut asked = Vec::new();
            tenant.read_to_end(&mut asked).await.unwrap();
            asked
        });
        let copying = tokio::spawn(async move {
            let activity = Activity::new(Arc::new(Clock::new()), 0);
            let mut processes = 0;
            loop {
                processes += 1;
                let (end, phase) = watch::channel(Phase::Accepting);
                let mut copying = std::pin::pin!(timeout(
                    LIMIT,
                    both_ways(&mut near, &mut far, Beginning::Continued, &phase, &activity)
                ));
                let copied = tokio::select! {
                    copied = &mut copying => copied,
                    _ = was_read.recv() => {
                        end.send_replace(Phase::HandingOver);
                        copying.await
                    }
                };
                if copied.unwrap().unwrap() == CopyEnd::Finished {
                    return processes;
                }
            }
        });
        client.write_all(b"more").await.unwrap();
        client.shutdown().await.unwrap();
        let mut received = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let length = client.read(&mut chunk).await.unwrap();
            if length == 0 {
                break;
            }
            received.extend_from_slice(&chunk[..length]);
            // Fails when all is copied: nothing is handed over any more.
            let _ = read.send(()).await;
        }
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
        assert_eq!(tenant.await.unwrap(), b"more");
        assert!(copying.await.unwrap() > 10);
    }

    /// The near end of a tenant's connection that was reset after it has sent `answer`.
    async fn reset_after(answer: &[u8]) -> TcpStream {
        let (mut far, mut tenant) = pair().await;
        far.write_all(b"request").await.unwrap();
        tenant.readable().await.unwrap();
        tenant.write_all(answer).await.unwrap();
        // With unread bytes.
        drop(tenant);
        far
    }

    #[tokio::test]
    async fn an_answer_reaches_the_client_though_the_tenant_does_not_take_the_request() {
        let ((mut client, mut near), mut far) = (pair().await, reset_after(b"answer").await);
        let (_end, phase) = watch::channel(Phase::Accepting);
        let activity = Activity::new(Arc::new(Clock::new()), 0);
        let client = tokio::spawn(async move {
            client.write_all(&vec![0; 5_000_000]).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.map(|_| answer)
        });
        let copied = timeout(LIMIT, both_ways(&mut near, &mut far, Beginning::New, &phase, &activity)).await.unwrap();
        drop((near, far));
        assert_eq!((client.await.unwrap().unwrap(), copied), (b"answer".to_vec(), Ok(CopyEnd::Finished)));
    }

    #[tokio::test]
    async fn a_client_that_sends_for_ever_to_a_tenant_that_is_gone_is_closed() {
        let ((mut client, mut near), mut far) = (pair().await, reset_after(b"answer").await);
        let (_end, phase) = watch::channel(Phase::Accepting);
        let activity = Activity::new(Arc::new(Clock::new()), 0);
        let client = tokio::spawn(async move { while client.write_all(&[0; BUFFER / 8]).await.is_ok() {} });
        let copied = timeout(LIMIT, both_ways(&mut near, &mut far, Beginning::New, &phase, &activity)).await.unwrap();
        assert_eq!(copied, Ok(CopyEnd::Finished));
        drop((near, far));
        timeout(LIMIT, client).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_client_that_closes_ends_both_directions() {
        let ((client, mut near), (mut far, mut tenant)) = (pair().await, pair().await);
        let (_end, phase) = watch::channel(Phase::Accepting);
        let activity = Activity::new(Arc::new(Clock::new()), 0);
        drop(client);
        tenant.shutdown().await.unwrap();
        let stopped =
            timeout(LIMIT, both_ways(&mut near, &mut far, Beginning::Continued, &phase, &activity)).await.unwrap();
        assert_eq!(stopped.unwrap(), CopyEnd::Finished);
    }
}
