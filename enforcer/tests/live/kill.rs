//! Kills a replica. The end-to-end tests have the replica in common with these tests, and kill programs instead.

use crate::replica::Replica;

impl Replica {
    /// Ends it at once: nothing of it is heard of any more.
    pub(crate) fn kill(self) {
        self.line.hang();
        self.task.abort();
    }
}
