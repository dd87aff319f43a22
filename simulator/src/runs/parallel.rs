//! Shares work out to threads, and takes the results in the order of the work.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Does `count` pieces of work, so many at a time as `jobs` says, or as there are processors. Gives each result to `take`,
/// in the order of the work, until `take` breaks; what it breaks with is returned.
pub(crate) fn in_order<T: Send, B>(
    count: usize,
    jobs: Option<NonZeroUsize>,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> ControlFlow<B>,
) -> Option<B> {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    let run = |sender: mpsc::Sender<(usize, T)>| {
        while !is_over.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            // Nobody listens any more if `take` has broken.
            if place >= count || sender.send((place, work(place))).is_err() {
                break;
            }
        }
    };
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get).min(count);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            scope.spawn(|| run(sender));
        }
        drop(sender);
        let broken = take_in_order(&receiver, &mut take);
        is_over.store(true, Ordering::Relaxed);
        drop(receiver);
        broken
    })
}

fn take_in_order<T, B>(
    receiver: &mpsc::Receiver<(usize, T)>,
    take: &mut impl FnMut(usize, T) -> ControlFlow<B>,
) -> Option<B> {
    let mut early: BTreeMap<usize, T> = BTreeMap::new();
    let mut taken = 0;
    for (place, result) in receiver {
        early.insert(place, result);
        while let Some(result) = early.remove(&taken) {
            if let ControlFlow::Break(with) = take(taken, result) {
                return Some(with);
            }
            taken += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_until_the_first_break() {
        for jobs in [1, 3, 100] {
            let mut seen = Vec::new();
            let broken = in_order(
                50,
                NonZeroUsize::new(jobs),
                |place| place * 2,
                |place, result| {
                    seen.push(result);
                    if place == 30 {
                        ControlFlow::Break("enough")
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
            assert_eq!(broken, Some("enough"));
            assert_eq!(seen, (0..=30).map(|place| place * 2).collect::<Vec<_>>());
        }
    }
}
