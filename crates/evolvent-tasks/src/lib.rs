//! Where a network meets a problem: rollouts, supervised evaluation, functions, external commands.
