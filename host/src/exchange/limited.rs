//! A call into the guest under the clocks of its request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::client::Client;
use super::meter::{Ended, Meter};

/// How long a call may go on once its client has left.
const GRACE: Duration = Duration::from_secs(1);

pin_project_lite::pin_project! {
    /// A call under its clocks.
    pub(super) struct Limited<'a, F> {
        meter: &'a Meter,
        client: Option<&'a Client>,
        #[pin]
        call: F,
        alarm: Option<Pin<Box<Sleep>>>,
        left_at: Option<Instant>,
    }
}

impl<'a, F> Limited<'a, F> {
    pub(super) fn new(meter: &'a Meter, client: Option<&'a Client>, call: F) -> Limited<'a, F> {
        Limited { meter, client, call, alarm: None, left_at: None }
    }
}

impl<F: Future> Future for Limited<'_, F> {
    type Output = Result<F::Output, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A guest that had to wait for its turn may be late, or have used up its CPU at the end of the one before: then it
        // does not go on.
        if let Some(alarm) = self.as_mut().project().alarm {
            let is_late = alarm.is_elapsed();
            if let Err(ended) = self.meter.check_cpu() {
                return Poll::Ready(Err(ended));
            }
            if is_late && let Poll::Ready(ended) = self.as_mut().poll_deadlines(cx) {
                return Poll::Ready(Err(ended));
            }
        }
        let this = self.as_mut().project();
        // Neither what a host function reads in the midst of the call nor what is read after it may be older.
        this.meter.forget_seen();
        let polled = this.call.poll(cx);
        this.meter.forget_seen();
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        // While it is instantiated a guest is interrupted without being charged.
        if let Err(ended) = this.meter.check_cpu() {
            return Poll::Ready(Err(ended));
        }
        self.poll_deadlines(cx).map(Err)
    }
}

impl<F> Limited<'_, F> {
    /// Ready with the deadline that is over.
    fn poll_deadlines(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = self.project();
        loop {
            let (mut at, mut why) = (this.meter.wall_deadline(), Ended::Wall);
            if let Some(life) = this.meter.deadline().filter(|life| *life < at) {
                (at, why) = (life, Ended::Life);
            }
            if this.client.is_some_and(|client| client.poll_left(cx).is_ready()) {
                let left = *this.left_at.get_or_insert_with(Instant::now) + GRACE;
                if left < at {
                    (at, why) = (left, Ended::Left);
                }
            }
            if at <= Instant::now() {
                return Poll::Ready(why);
            }
            let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
            if alarm.deadline() != at.into() {
                alarm.as_mut().reset(at.into());
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
