//! Prints the API's description of itself, as a deployment on AWS serves it.

fn main() {
    println!("{:#}", api::describe());
}
