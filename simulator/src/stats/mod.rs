//! Statistics: whether what was measured is more than chance.
//!
//! All of it is the same on every machine: whole numbers, and floating point with only `+ - * /` and the square root, which
//! IEEE 754 rounds in one way. There are no logarithms and no exponentials, whose last digits differ between machines.
//! Where chance is needed it comes from [`pullstop_cluster::world::random`].

pub mod holm;
pub mod ks;
pub mod paired;
pub mod rate;
#[cfg(test)]
mod simulated;
pub mod spread;

/// Whether a result with this probability is called more than chance: fewer than 5 of 100 are so by chance alone.
pub const SIGNIFICANCE: f64 = 0.05;

/// A whole number as floating point. Exact below 2^53, which no count of this program reaches.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and milliseconds are below 2^53"
)]
pub(crate) const fn float(number: u64) -> f64 {
    number as f64
}
