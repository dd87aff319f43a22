//! Arguments of `simulator serve`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Parser;

/// Serve a scenario's cluster as a Kubernetes API, for kubectl and the enforcer.
///
/// The simulated cluster has no enforcer of its own: the clients decide. At the end of the scenario's duration the command
/// prints which expectations were met. The scenario's faults of the enforcer, such as restarts and watch gaps, do not
/// happen. docs/serve.md explains how to make the API itself fail.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  simulator serve scenario.yaml --speed 30 --write-kubeconfig kubeconfig.yaml

Exit codes:
  0  every expectation was met, or Ctrl-C
  1  an expectation failed
  2  invalid input
  3  internal error, such as a port that is in use")]
pub struct ServeArgs {
    /// Scenario; `-` for standard input
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// How many times faster than real time the cluster runs
    #[arg(long, value_name = "N", default_value = "1")]
    pub speed: NonZeroU32,
    /// Write a kubeconfig to this file
    #[arg(long, value_name = "FILE")]
    pub write_kubeconfig: Option<PathBuf>,
    /// Seed [default: the scenario's own seed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Keep serving after the scenario's duration, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
}
