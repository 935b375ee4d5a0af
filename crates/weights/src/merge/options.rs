//! Checks of the methods' parameters. The parameters themselves are words of all rooms and stand in `weft_domain::merge`.

use super::plan::{MergeError, Method};
use weft_domain::merge::{Inner, Options};
use weft_domain::parameter::{DENSITY, EPSILON, GAMMA, MU, Number, TAME};

fn inside(number: Number, value: f64) -> bool {
    number.check(value).is_ok()
}

/// Checks the values that `method` uses, `inputs` of them.
pub(crate) fn validate(options: &Options, method: Method, inputs: usize) -> Result<(), MergeError> {
    let bad = |why: &str| Err(MergeError::Plan(why.to_owned()));
    let density = options.density_of(method);
    if !inside(DENSITY, density) {
        return bad("the density must lie between 0.001 and 1");
    }
    let uncertain = !inside(EPSILON, options.epsilon) || density - options.epsilon <= 0.0 || density + options.epsilon > 1.0;
    if method == Method::Della && uncertain {
        return bad("density − epsilon must stay above 0 and density + epsilon must not pass 1: choose a smaller epsilon");
    }
    if method == Method::Breadcrumbs && !inside(GAMMA, options.gamma) {
        return bad("gamma must lie between 0 and 1");
    }
    if options.mu.is_some_and(|mu| !inside(MU, mu)) {
        return bad("mu must lie between 0 and a million; leave it out for the hard projection");
    }
    if options.tame.is_some_and(|limit| !inside(TAME, limit)) {
        return bad("the budget of a block must lie between 0.1 and 8 times its strongest input");
    }
    if options.tame.is_some() && !method.is_linear() {
        return bad("a budget per block needs a method that adds up: sum, average, concat, svd, slerp, karcher or norm_equal");
    }
    match (method, options.inner) {
        (Method::Slerp, _) if inputs != 2 => bad("slerp goes between exactly two adapters; karcher takes any number"),
        (Method::NullSpace, _) if inputs < 2 => bad("null_space needs the content first and at least one style after it"),
        (Method::Knots, Inner::Tsv | Inner::Iso) => bad("inside of knots there is ties or sum; tsv and iso belong to core"),
        _ => Ok(()),
    }
}
