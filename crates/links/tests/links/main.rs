//! Each layer against its definition, and each mechanism left out to see the definition broken.

mod authenticated;
mod linked;
mod reliable;
mod world;
