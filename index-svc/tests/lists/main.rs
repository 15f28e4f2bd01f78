//! Lists against a plain reading of the contract: every row scored, sorted, and walked by the rules,
//! on both engines; then pages, filters and explanations.

mod best_of;
mod copies;
mod far;
mod music;
mod order;
mod paging;
mod plain;
mod recall;
mod work;
