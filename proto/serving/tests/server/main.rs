//! A real server on a port of its own: its life, its limits, who may call it, what it shows.

mod certificates;
mod harness;
mod life;
mod load;
mod messages;
mod observe;
mod tls;
mod tokens;
mod work;
