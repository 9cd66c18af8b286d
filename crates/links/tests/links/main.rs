//! Each layer against its definition, and each mechanism left out to see the definition broken.

mod authenticated;
mod cluster;
mod linked;
mod protocols;
mod reliable;
mod world;
