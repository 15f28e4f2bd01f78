//! Recall: of the forest, and what the planner promises.

#[path = "../catalogue/mod.rs"]
mod catalogue;
mod climb;
mod forest;
mod library;
mod promise;
