//! Typed indices into the tables of an image. What they index lives in `image` and `flow`.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in its table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

ids! {
    /// A string of [`Image::strings`](crate::Image::strings).
    StrId,
    /// A value of [`Image::consts`](crate::Image::consts).
    ConstId,
    /// A type of [`Image::types`](crate::Image::types).
    TypeId,
    /// A piece of code of [`Image::chunks`](crate::Image::chunks).
    ChunkId,
    /// A worker of [`Image::workers`](crate::Image::workers).
    WorkerId,
    /// A flow of [`Image::flows`](crate::Image::flows).
    FlowId,
    /// A node of [`Flow::nodes`](crate::Flow::nodes), in order of declaration.
    NodeId,
    /// A state field of [`Flow::fields`](crate::Flow::fields), in order of declaration.
    FieldId,
    /// A join of [`Flow::joins`](crate::Flow::joins), in order of declaration.
    JoinId,
}
