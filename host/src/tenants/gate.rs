//! How many may be in at one time, how many may wait for their turn, and in which order they get it: as they came.
//!
//! Entering and leaving are one atomic operation each while nobody waits. Knows no clock and no client: who has waited
//! long enough drops its [`Waiting`].

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

/// A bounded number of places, and a line before them.
#[derive(Debug)]
pub struct Gate {
    bounds: AtomicU64,
    /// How many are in, and how many wait: one word, so that nobody comes in past the line. While somebody waits it
    /// changes only under the line's lock.
    state: AtomicU64,
    line: Mutex<Line>,
}

/// How many may be in, and how many may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least 1; [`Bounds::NONE`] has no limit.
    pub most: u32,
    /// 0 where nobody waits.
    pub queue: u32,
}

/// A place, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Pass<'a>(Option<&'a Gate>);

/// A number in the line; completes with a place.
#[derive(Debug)]
#[must_use]
pub struct Waiting<'a> {
    gate: &'a Gate,
    number: u64,
    /// Nothing once the place was taken.
    turn: Option<oneshot::Receiver<()>>,
}

/// All places are taken, and so are those in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Debug, Default)]
struct Line {
    numbers: u64,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    inside: u32,
    waiting: u32,
}

impl Bounds {
    /// Everybody comes in, and is not even counted.
    pub const NONE: Self = Self { most: u32::MAX, queue: 0 };
}

impl Gate {
    /// A gate with nobody inside.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds: AtomicU64::new(bounds.pack()), state: AtomicU64::new(0), line: Mutex::default() }
    }

    /// Other bounds from now on. Who is in, or waits, stays.
    pub fn set(&self, bounds: Bounds) {
        self.bounds.store(bounds.pack(), SeqCst);
        self.call(&mut self.line());
    }

    /// How many are in, and how many wait.
    pub fn count(&self) -> (u32, u32) {
        let state = State::unpack(self.state.load(SeqCst));
        (state.inside, state.waiting)
    }

    /// Comes in, if there is a place and nobody waits for it.
    pub fn try_enter(&self) -> Option<Pass<'_>> {
        let most = self.bounds().most;
        if most == Bounds::NONE.most {
            return Some(Pass(None));
        }
        self.step(|state| state.has_room(most).then(|| state.entered())).then(|| Pass(Some(self)))
    }

    /// Waits for a place, behind all that wait already.
    ///
    /// # Errors
    /// Where the line is full.
    pub fn wait(&self) -> Result<Waiting<'_>, Full> {
        let mut line = self.line();
        let Bounds { most, queue } = self.bounds();
        // Somebody may have left since it was tried: then there is no need to wait.
        let mut room = false;
        let stays = self.step(|state| {
            room = state.has_room(most);
            if room { Some(state.entered()) } else { (state.waiting < queue).then(|| state.queued()) }
        });
        if !stays {
            return Err(Full);
        }
        let (call, turn) = oneshot::channel();
        line.numbers += 1;
        let number = line.numbers;
        if room {
            let _ = call.send(());
        } else {
            line.waiting.push_back((number, call));
        }
        Ok(Waiting { gate: self, number, turn: Some(turn) })
    }

    fn leave(&self) {
        while !self.step(|state| (state.waiting == 0).then(|| state.left())) {
            let mut line = self.line();
            if self.step(|state| (state.waiting > 0).then(|| state.left())) {
                return self.call(&mut line);
            }
        }
    }

    /// Gives free places to the first in the line.
    fn call(&self, line: &mut Line) {
        let most = self.bounds().most;
        while self.step(|state| (state.waiting > 0 && state.inside < most).then(|| state.unqueued().entered())) {
            if let Some((_, call)) = line.waiting.pop_front() {
                // Whoever leaves the line takes its number along, so somebody is listening.
                let _ = call.send(());
            }
        }
    }

    /// Changes the state, or tells that it isn't to be changed.
    fn step(&self, mut change: impl FnMut(State) -> Option<State>) -> bool {
        self.state.fetch_update(SeqCst, SeqCst, |state| change(State::unpack(state)).map(State::pack)).is_ok()
    }

    fn bounds(&self) -> Bounds {
        Bounds::unpack(self.bounds.load(SeqCst))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.0 {
            gate.leave();
        }
    }
}

impl<'a> Future for Waiting<'a> {
    type Output = Pass<'a>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Pass<'a>> {
        if let Some(turn) = &mut self.turn {
            // The gate outlives the line, and calls before it forgets a number.
            let _ = ready!(Pin::new(turn).poll(cx));
            self.turn = None;
        }
        Poll::Ready(Pass(Some(self.gate)))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.turn.is_none() {
            return;
        }
        let mut line = self.gate.line();
        match line.waiting.iter().position(|(number, _)| *number == self.number) {
            Some(at) => {
                line.waiting.remove(at);
                self.gate.step(|state| Some(state.unqueued()));
            }
            // It was called, and did not come.
            None => {
                drop(line);
                self.gate.leave();
            }
        }
    }
}

impl State {
    fn has_room(self, most: u32) -> bool {
        self.waiting == 0 && self.inside < most
    }

    fn entered(self) -> Self {
        Self { inside: self.inside.saturating_add(1), ..self }
    }

    fn left(self) -> Self {
        Self { inside: self.inside.saturating_sub(1), ..self }
    }

    fn queued(self) -> Self {
        Self { waiting: self.waiting.saturating_add(1), ..self }
    }

    fn unqueued(self) -> Self {
        Self { waiting: self.waiting.saturating_sub(1), ..self }
    }

    fn pack(self) -> u64 {
        pack(self.inside, self.waiting)
    }

    fn unpack(word: u64) -> Self {
        let (inside, waiting) = unpack(word);
        Self { inside, waiting }
    }
}

impl Bounds {
    fn pack(self) -> u64 {
        pack(self.most, self.queue)
    }

    fn unpack(word: u64) -> Self {
        let (most, queue) = unpack(word);
        Self { most, queue }
    }
}

fn pack(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn unpack(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::Waker;

    /// Whether it has been called.
    fn poll<'a>(waiting: &mut Waiting<'a>) -> Option<Pass<'a>> {
        match Pin::new(waiting).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(pass) => Some(pass),
            Poll::Pending => None,
        }
    }

    #[test]
    fn without_bounds_nobody_is_counted() {
        let gate = Gate::new(Bounds::NONE);
        let passes: Vec<_> = (0..9).map(|_| gate.try_enter().unwrap()).collect();
        assert_eq!(gate.count(), (0, 0));
        // Who came in uncounted leaves uncounted.
        gate.set(Bounds { most: 1, queue: 0 });
        drop(passes);
        let pass = gate.try_enter().unwrap();
        assert!(gate.try_enter().is_none() && gate.wait().is_err());
        drop(pass);
        assert_eq!(gate.count(), (0, 0));
    }

    #[test]
    fn more_places_call_those_who_wait_and_fewer_send_nobody_away() {
        let gate = Gate::new(Bounds { most: 1, queue: 3 });
        let pass = gate.try_enter().unwrap();
        let mut line = [gate.wait().unwrap(), gate.wait().unwrap(), gate.wait().unwrap()];
        gate.set(Bounds { most: 3, queue: 3 });
        let [first, second, third] = line.each_mut().map(poll);
        assert!(first.is_some() && second.is_some() && third.is_none());
        gate.set(Bounds { most: 1, queue: 0 });
        drop((pass, first));
        assert!(poll(&mut line[2]).is_none());
        drop(second);
        assert!(poll(&mut line[2]).is_some());
    }

    proptest! {
        /// Against what is meant, said plainly: who is in, and who waits, in order.
        #[test]
        fn places_are_given_back_never_too_many_are_given_and_the_first_is_next(
            most in 1_u32..4, queue in 0_u32..4, steps in proptest::collection::vec((0_u8..5, 0_usize..8), 0..80),
        ) {
            let gate = Gate::new(Bounds { most, queue });
            let mut bounds = Bounds { most, queue };
            let (mut inside, mut waiting): (Vec<Pass<'_>>, VecDeque<Waiting<'_>>) = Default::default();
            for (what, which) in steps {
                match what {
                    0 | 1 => match gate.try_enter() {
                        Some(pass) => {
                            prop_assert!(waiting.is_empty() && inside.len() < bounds.most as usize);
                            inside.push(pass);
                        }
                        None => {
                            prop_assert!(!waiting.is_empty() || inside.len() >= bounds.most as usize);
                            match gate.wait() {
                                Ok(place) => waiting.push_back(place),
                                Err(Full) => prop_assert!(waiting.len() >= bounds.queue as usize),
                            }
                        }
                    },
                    2 if !inside.is_empty() => drop(inside.swap_remove(which % inside.len())),
                    3 if !waiting.is_empty() => drop(waiting.remove(which % waiting.len())),
                    4 => {
                        bounds = Bounds { most: 1 + which as u32 % 4, queue };
                        gate.set(bounds);
                    }
                    _ => {}
                }
                // Whoever is called is the first, and there is room for it.
                while let Some(pass) = waiting.front_mut().and_then(poll) {
                    waiting.pop_front();
                    inside.push(pass);
                    prop_assert!(inside.len() <= bounds.most as usize);
                }
                prop_assert!(waiting.iter_mut().all(|place| poll(place).is_none()));
                prop_assert!(waiting.is_empty() || inside.len() >= bounds.most as usize, "a place is free");
                prop_assert_eq!(gate.count(), (inside.len() as u32, waiting.len() as u32));
            }
            drop((inside, waiting));
            prop_assert_eq!(gate.count(), (0, 0));
        }
    }

    #[test]
    fn many_threads_never_hold_more_places_than_there_are() {
        let gate = Arc::new(Gate::new(Bounds { most: 3, queue: 2 }));
        let (inside, served) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let work = |seed: u32| {
            let (gate, inside, served) = (gate.clone(), inside.clone(), served.clone());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for round in 0..5_000_u32 {
                    let pass = match gate.try_enter() {
                        Some(pass) => pass,
                        None => match gate.wait() {
                            // Some give up, at any moment of their wait.
                            Ok(_) if round.wrapping_mul(seed) % 7 == 0 => continue,
                            Ok(waiting) => runtime.block_on(waiting),
                            Err(Full) => continue,
                        },
                    };
                    assert!(inside.fetch_add(1, SeqCst) < 3);
                    served.fetch_add(1, SeqCst);
                    inside.fetch_sub(1, SeqCst);
                    drop(pass);
                }
            })
        };
        let threads: Vec<_> = (1..9).map(work).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(gate.count(), (0, 0));
        assert!(served.load(SeqCst) > 5_000);
    }
}
