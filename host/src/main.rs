<<<<<<< HEAD
//! The command `wasgi`.

=======
//! x
>>>>>>> deploy
fn main() {}
