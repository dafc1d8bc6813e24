//! From a function to the component's export.

/// Makes a function the component's application. Once per component.
///
/// The function takes an [`Environ`](crate::Environ) and a [`StartResponse`](crate::StartResponse) and returns whatever
/// [`IntoBody`](crate::IntoBody) describes. Any expression that gives such a function will do, like middleware around an
/// application; it is evaluated for each request.
///
/// ```
/// use wasgi_guest::{Environ, Error, StartResponse};
///
/// fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
///     start_response.call("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok(format!("This is {}.\n", environ.path()))
/// }
///
/// wasgi_guest::export!(app);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($application:expr $(,)?) => {
        $crate::__export!($application);
    };
}
