//! Whole engines in unkind worlds that follow from a seed.

use nexus_engine::testing::{Report, simulate, simulate_on_a_lying_store};

/// Seeds that always run, and some that nobody has seen before.
const FIXED: u64 = 60;
const NEW: u64 = 20;

fn must_hold(seed: u64) -> Report {
    simulate(seed).unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn nothing_is_lost_or_doubled_in_the_worlds_of_fixed_seeds() {
    let reports: Vec<_> = (0..FIXED).map(must_hold).collect();
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
    // A simulation in which nothing happens proves nothing.
    assert!(sum(|it| it.deaths) > FIXED / 4, "{reports:?}");
    assert!(sum(|it| it.stops) > FIXED / 20, "{reports:?}");
    assert!(sum(|it| it.takeovers) > FIXED / 20, "{reports:?}");
    assert!(sum(|it| it.runs) > 3 * FIXED, "{reports:?}");
    assert!(sum(|it| it.answers) > 5 * FIXED, "{reports:?}");
}

#[test]
fn nothing_is_lost_or_doubled_in_worlds_that_nobody_has_seen() {
    use std::hash::{BuildHasher as _, RandomState};
    for number in 0..NEW {
        must_hold(RandomState::new().hash_one(number));
    }
}

/// A store that acknowledges what it does not keep is found out, by several of the promises.
#[test]
fn a_store_that_loses_what_it_acknowledged_is_found_out() {
    let found: Vec<_> = (0..80).filter_map(|seed| simulate_on_a_lying_store(seed).err()).collect();
    assert!(found.len() >= 8, "{found:?}");
    assert!(found.iter().any(|one| one.what.contains("was lost")), "{found:?}");
}

#[test]
fn a_seed_repeats_its_world_to_the_byte() {
    for seed in 0..10 {
        assert_eq!(must_hold(seed), must_hold(seed), "seed {seed}");
    }
}

/// The seed that the environment names, `7`, or all from one to before another, `7..90`. Without any there is nothing to
/// look at, and the first seed is as good as any.
#[test]
#[expect(clippy::disallowed_methods, reason = "a seed is given to a test by its environment")]
fn the_seed_of_the_environment() {
    let given = std::env::var("NEXUS_SIMULATION_SEED").unwrap_or_else(|_| "0".to_owned());
    let number = |text: &str| text.parse::<u64>().expect("a seed is a number");
    match given.split_once("..") {
        Some((from, to)) => (number(from)..number(to)).map(must_hold).for_each(drop),
        None => drop(must_hold(number(&given))),
    }
}
