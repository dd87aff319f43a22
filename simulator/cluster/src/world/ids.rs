//! Ids: places in the world's tables.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(
            /// The place.
            pub u32,
        );

        impl $name {
            /// The place as an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The name of the place at `index`.
            ///
            /// More than 2^32 of anything do not fit into memory; they would share the last name.
            pub fn at(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    )+};
}

ids! {
    /// A pod, of all that ever were.
    PodId,
    /// A node.
    NodeId,
    /// An image reference that some container names.
    ImageId,
    /// A Job or `ReplicaSet`.
    OwnerId,
}
