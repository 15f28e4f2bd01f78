//! The queue before the workers: jobs of one peer in their order, peers in turn, so that one busy
//! peer delays itself and not the others.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::{job::Job, load::Load};
use crate::call::peer::PeerKey;

/// Weight of the newest job in the moving mean of run times.
const NEWEST: f64 = 0.2;
/// Part of the workers' time from which on the work asked for is taken for more than they can do: what
/// they lose between two jobs counts as asked for by nobody.
const FULL: f64 = 0.9;

/// Waiting jobs, those that go on before those that begin: what has begun holds memory and has cost
/// something, and to finish it makes room.
pub(super) struct Queue {
    begun: Lanes,
    new: Lanes,
    running: usize,
    next_ticket: u64,
    /// Moving mean of run times, in seconds; none until a job has ended.
    mean_run: Option<f64>,
    workers: usize,
    load: Load,
    /// Since when there has always been a job that no worker was free for.
    waits: Option<Instant>,
    overloaded: bool,
}

/// What asks for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Work that nothing has been done of yet.
    New,
    /// The next part of work that takes its turn anew with each part.
    Next,
    /// Work that has begun; to refuse it would waste what was done.
    Begun,
}

/// Finds a waiting job again.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    ask: Ask,
    peer: PeerKey,
    number: u64,
}

impl Queue {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            begun: Lanes::default(),
            new: Lanes::default(),
            running: 0,
            next_ticket: 0,
            mean_run: None,
            workers,
            load: Load::new(workers),
            waits: None,
            overloaded: false,
        }
    }

    /// To be told after every change.
    pub(super) fn note(&mut self, now: Instant) {
        if self.running + self.length() <= self.workers {
            self.waits = None;
        } else {
            self.waits.get_or_insert(now);
        }
    }

    /// To be told of every job that is asked for; whether that is overload. It begins once jobs have
    /// waited for `patience` without a break while as much was asked for as the workers can do, and ends
    /// when less is: few may wait then, so that they wait no longer without a break means nothing, and a
    /// pause of the callers must not let a crowd in again.
    pub(super) fn is_overloaded(&mut self, now: Instant, patience: Duration) -> bool {
        self.load.asked(now, patience);
        let waited =
            self.waits.is_some_and(|since| now.saturating_duration_since(since) >= patience);
        let full = self.load.level(now, patience) >= FULL;
        self.overloaded = full && (self.overloaded || waited);
        self.overloaded
    }

    pub(super) fn length(&self) -> usize {
        self.begun.length + self.new.length
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    pub(super) fn push(&mut self, ask: Ask, peer: PeerKey, job: Job, now: Instant) -> Ticket {
        let number = self.next_ticket;
        self.next_ticket += 1;
        self.lanes(ask).push(peer.clone(), Waiting { ask, ticket: number, since: now, job });
        Ticket { ask, peer, number }
    }

    /// The job whose turn it is, which counts as running from now on, and the time it waited.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Job, Duration)> {
        let waiting = self.begun.pop().or_else(|| self.new.pop())?;
        self.running += 1;
        Some((waiting.job, now.saturating_duration_since(waiting.since)))
    }

    /// Takes a job out whose caller has left; none when it has been popped already.
    pub(super) fn withdraw(&mut self, ticket: &Ticket) -> Option<Job> {
        self.lanes(ticket.ask).withdraw(ticket)
    }

    /// Makes room in a full queue for a new job of `peer`: takes out the newest of the peer that
    /// has the most waiting, provided `peer` would still have fewer than that one. Parts of work
    /// whose other parts are done stay.
    pub(super) fn displace(&mut self, peer: &PeerKey) -> Option<Job> {
        self.new.displace(peer)
    }

    /// A popped job has ended after running for `ran`, and kept its worker from others for `busy`.
    pub(super) fn finished(&mut self, ran: Duration, busy: Duration) {
        self.running -= 1;
        self.load.ended(busy);
        let ran = ran.as_secs_f64();
        self.mean_run = Some(self.mean_run.map_or(ran, |mean| mean + NEWEST * (ran - mean)));
    }

    /// The wait that one more job of `peer` would have, by what jobs took so far.
    ///
    /// Peers take turns, so of the others' jobs no more count than `peer` itself has in line. With
    /// a free worker there is no wait, whatever the mean, so that one long job cannot lock short
    /// ones out for good.
    pub(super) fn expected_wait(&self, ask: Ask, peer: &PeerKey) -> Duration {
        if self.running + self.length() < self.workers {
            return Duration::ZERO;
        }
        let ahead = match ask {
            Ask::Begun => self.begun.ahead_of(peer),
            Ask::New | Ask::Next => self.begun.length + self.new.ahead_of(peer),
        };
        // The running ones are half done on average.
        let rounds = ahead as f64 / self.workers as f64 + 0.5;
        Duration::try_from_secs_f64(rounds * self.mean_run.unwrap_or(0.0)).unwrap_or(Duration::MAX)
    }

    fn lanes(&mut self, ask: Ask) -> &mut Lanes {
        match ask {
            Ask::New | Ask::Next => &mut self.new,
            Ask::Begun => &mut self.begun,
        }
    }
}

struct Waiting {
    ask: Ask,
    ticket: u64,
    since: Instant,
    job: Job,
}

/// Jobs by peer.
#[derive(Default)]
struct Lanes {
    /// The waiting jobs of each peer that has some, oldest first.
    lanes: HashMap<PeerKey, VecDeque<Waiting>>,
    /// The peers of `lanes`, whose turn is next first.
    turns: VecDeque<PeerKey>,
    length: usize,
}

impl Lanes {
    fn push(&mut self, peer: PeerKey, waiting: Waiting) {
        let lane = self.lanes.entry(peer.clone()).or_default();
        if lane.is_empty() {
            self.turns.push_back(peer);
        }
        lane.push_back(waiting);
        self.length += 1;
    }

    fn pop(&mut self) -> Option<Waiting> {
        let peer = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&peer)?;
        let waiting = lane.pop_front()?;
        if lane.is_empty() {
            self.lanes.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        self.length -= 1;
        Some(waiting)
    }

    fn withdraw(&mut self, ticket: &Ticket) -> Option<Job> {
        let lane = self.lanes.get_mut(&ticket.peer)?;
        let at = lane.iter().position(|waiting| waiting.ticket == ticket.number)?;
        let job = lane.remove(at)?.job;
        self.length -= 1;
        self.close_if_empty(&ticket.peer);
        Some(job)
    }

    fn displace(&mut self, peer: &PeerKey) -> Option<Job> {
        let own = self.lanes.get(peer).map_or(0, VecDeque::len);
        let (heaviest, lane) = self.lanes.iter_mut().max_by_key(|(_, lane)| lane.len())?;
        if lane.len() <= own + 1 {
            return None;
        }
        let heaviest = heaviest.clone();
        let newest = lane.iter().rposition(|waiting| waiting.ask == Ask::New)?;
        let job = lane.remove(newest)?.job;
        self.length -= 1;
        self.close_if_empty(&heaviest);
        Some(job)
    }

    /// How many jobs get their turn before one more of `peer`.
    fn ahead_of(&self, peer: &PeerKey) -> usize {
        let own = self.lanes.get(peer).map_or(0, VecDeque::len);
        let before = |(other, lane): (&PeerKey, &VecDeque<Waiting>)| {
            if other == peer { own } else { lane.len().min(own + 1) }
        };
        self.lanes.iter().map(before).sum()
    }

    fn close_if_empty(&mut self, peer: &PeerKey) {
        if self.lanes.get(peer).is_some_and(VecDeque::is_empty) {
            self.lanes.remove(peer);
            self.turns.retain(|turn| turn != peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn peer(name: &str) -> PeerKey {
        PeerKey::Identity(name.into())
    }

    /// A queue of the given peers' jobs, large letters for such as have begun; a job that runs sends
    /// its number.
    fn queue(peers: &str) -> (Queue, mpsc::Receiver<usize>, Vec<Ticket>) {
        let (sender, ran) = mpsc::channel();
        let mut queue = Queue::new(1);
        let tickets = peers
            .chars()
            .enumerate()
            .map(|(number, name)| {
                let sender = sender.clone();
                let job = Job::new(move || move || sender.send(number).expect("the test listens"));
                let ask = if name.is_uppercase() { Ask::Begun } else { Ask::New };
                queue.push(ask, peer(&name.to_ascii_lowercase().to_string()), job, Instant::now())
            })
            .collect();
        (queue, ran, tickets)
    }

    fn ran_for(queue: &mut Queue, time: Duration) {
        queue.finished(time, time);
    }

    fn run_all(mut queue: Queue, ran: &mpsc::Receiver<usize>) -> Vec<usize> {
        while let Some((job, _)) = queue.pop(Instant::now()) {
            job.run()();
        }
        assert_eq!(queue.length(), 0);
        ran.try_iter().collect()
    }

    #[test]
    fn peers_take_turns_and_each_keeps_its_order() {
        let (queue, ran, _) = queue("aaaabbc");
        assert_eq!(run_all(queue, &ran), [0, 4, 6, 1, 5, 2, 3]);
    }

    #[test]
    fn what_has_begun_goes_on_before_more_begins() {
        let (mut queue, ran, tickets) = queue("abAaBB");
        assert!(queue.withdraw(&tickets[5]).is_some());
        assert!(queue.displace(&peer("c")).is_some(), "a has two that have not begun");
        assert!(queue.displace(&peer("c")).is_none(), "and what has begun stays");
        queue.running = 1;
        ran_for(&mut queue, Duration::from_secs(2));
        queue.running = 1;
        assert_eq!(queue.expected_wait(Ask::Begun, &peer("a")), Duration::from_secs(5));
        assert_eq!(queue.expected_wait(Ask::New, &peer("a")), Duration::from_secs(9));
        assert_eq!(run_all(queue, &ran), [2, 4, 0, 1]);
    }

    #[test]
    fn a_withdrawn_job_leaves_no_trace() {
        let (mut queue, ran, tickets) = queue("abab");
        assert!(queue.withdraw(&tickets[1]).is_some());
        assert!(queue.withdraw(&tickets[3]).is_some());
        assert!(queue.withdraw(&tickets[3]).is_none());
        assert_eq!(queue.length(), 2);
        assert_eq!(run_all(queue, &ran), [0, 2]);
    }

    #[test]
    fn the_next_part_of_work_takes_its_turn_and_is_not_displaced() {
        let (mut queue, ran, _) = queue("aab");
        let (sender, next) = mpsc::channel();
        let job = Job::new(move || move || sender.send(()).expect("the test listens"));
        queue.push(Ask::Next, peer("a"), job, Instant::now());
        assert!(queue.displace(&peer("c")).is_some());
        assert!(queue.displace(&peer("c")).is_some(), "the first of a");
        assert!(queue.displace(&peer("c")).is_none(), "one each");
        queue.push(Ask::New, peer("a"), Job::new(|| || ()), Instant::now());
        assert!(queue.displace(&peer("c")).is_some(), "the one that is new");
        assert!(queue.displace(&peer("c")).is_none());
        assert_eq!((run_all(queue, &ran), next.try_iter().count()), (vec![2], 1));
    }

    #[test]
    fn the_heaviest_peer_makes_room_for_a_lighter_one() {
        let (mut queue, ran, _) = queue("aaab");
        assert!(queue.displace(&peer("a")).is_none());
        assert!(queue.displace(&peer("c")).is_some());
        assert!(queue.displace(&peer("b")).is_none(), "two each would be no gain");
        assert_eq!(run_all(queue, &ran), [0, 3, 1]);
    }

    /// Whether one more job is overload at a moment, in milliseconds, with a patience of two seconds.
    fn one_more(queue: &mut Queue, start: Instant, millis: u64) -> bool {
        queue.is_overloaded(start + Duration::from_millis(millis), Duration::from_secs(2))
    }

    #[test]
    fn bursts_of_callers_that_ask_for_little_are_no_overload() {
        let (mut queue, _ran, _) = queue("");
        let start = Instant::now();
        for burst in 0..200 {
            let at = |millis| start + Duration::from_millis(50 * burst + millis);
            for job in 0..4 {
                assert!(!one_more(&mut queue, start, 50 * burst), "burst {burst}, job {job}");
                queue.push(Ask::New, peer("a"), Job::new(|| || ()), at(0));
                queue.note(at(0));
            }
            // Two fifths of the time, and whenever a burst comes three of it wait.
            for job in 1..=4 {
                queue.pop(at(5 * job - 5));
                queue.note(at(5 * job - 5));
                ran_for(&mut queue, Duration::from_millis(5));
                queue.note(at(5 * job));
            }
        }
    }

    #[test]
    fn overload_is_what_has_waited_for_long_and_ends_when_less_is_asked_for() {
        let (mut queue, _ran, _) = queue("a");
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        queue.pop(at(0));
        ran_for(&mut queue, Duration::from_millis(100));
        for (number, millis) in (0..2_000).step_by(40).enumerate() {
            assert!(!one_more(&mut queue, start, millis), "a burst, {millis} ms long");
            if number < 8 {
                queue.push(Ask::New, peer("a"), Job::new(|| || ()), at(millis));
                queue.note(at(millis));
            }
        }
        assert!(one_more(&mut queue, start, 2_040), "two and a half times what one worker can do");
        while queue.pop(at(2_050)).is_some() {
            ran_for(&mut queue, Duration::from_millis(100));
        }
        queue.note(at(2_050));
        assert!(one_more(&mut queue, start, 2_060), "nobody waits, and as much is asked for");
        assert!(one_more(&mut queue, start, 3_000), "a pause");
        assert!(!one_more(&mut queue, start, 5_000), "less is asked for");
    }

    #[test]
    fn the_expected_wait_counts_what_is_ahead_in_turn() {
        let (mut queue, _ran, _) = queue("aaaaaaaab");
        queue.running = 1;
        ran_for(&mut queue, Duration::from_secs(2));
        queue.workers = 10;
        assert_eq!(queue.expected_wait(Ask::New, &peer("c")), Duration::ZERO);
        (queue.running, queue.workers) = (2, 2);
        // One of a, one of b, in one round of two workers, and half a round of the running.
        assert_eq!(queue.expected_wait(Ask::New, &peer("c")), Duration::from_secs(3));
        // Eight of its own and one of b.
        assert_eq!(queue.expected_wait(Ask::New, &peer("a")), Duration::from_secs(10));
    }
}
