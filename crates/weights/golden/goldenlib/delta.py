"""ΔW of one module in float64, from its stored tensors alone."""

import numpy as np

NEEDS_BASE = {"dora", "ia3", "oft", "boft", "glora"}


def kind_of(roles: dict[str, np.ndarray], key_roles: set[str]) -> str:
    """Kind of a module from the roles its keys play."""
    if "magnitude" in roles:
        return "dora"
    if "oft_blocks" in roles:
        return "boft" if roles["oft_blocks"].ndim == 4 else "oft"
    if "oft_R" in roles:
        return "oft"
    if "on_input" in roles:
        return "ia3"
    if "a1" in roles:
        return "glora"
    if any("hada_" in key for key in key_roles):
        return "loha"
    if any("lokr_" in key for key in key_roles):
        return "lokr"
    if "down" in roles:
        return "locon" if roles["down"].ndim >= 4 and max(roles["down"].shape[2:]) > 1 or "mid" in roles else "lora"
    return "full"


def rank_of(roles: dict[str, np.ndarray], kind: str) -> int:
    """Rank of the stored factors; 0 where there is none (whole LoKr sides, full differences)."""
    if "down" in roles:
        return roles["down"].shape[0]
    if kind == "loha":
        return roles["w1b"].shape[0]
    if kind == "lokr":
        return next((roles[k].shape[0] for k in ("w2b", "w1b") if k in roles), 0)
    return 0


def scale_of(roles, kind: str, configured: float | None) -> float:
    """alpha/r. A scale from the file's configuration stands in where no alpha is stored; neither: 1."""
    rank = rank_of(roles, kind)
    if kind == "full" or rank == 0:
        return 1.0
    if "alpha" in roles:
        return float(roles["alpha"].reshape(-1)[0]) / rank
    return 1.0 if configured is None else configured


def factors(roles, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """(s·B, A) of a low-rank pair: m×r and r×n, convolutions flattened, a Tucker core multiplied into A."""
    down, up = roles["down"], roles["up"]
    if "mid" in roles:  # [r, r, kh, kw]: A[p, i, k] = Σ_q mid[p, q, k]·down[q, i]
        core = roles["mid"]
        a = np.einsum("pqyx,qi->piyx", core, down.reshape(down.shape[0], -1)).reshape(core.shape[0], -1)
    else:
        a = down.reshape(down.shape[0], -1)
    return scale * up.reshape(up.shape[0], -1), a


def loha(roles) -> np.ndarray:
    def half(number):
        a, b = roles[f"w{number}a"], roles[f"w{number}b"]
        if f"t{number}" in roles:
            return np.einsum("ijkl,jr,ip->prkl", roles[f"t{number}"], b, a)
        return a @ b

    whole = half(1) * half(2)
    return whole.reshape(whole.shape[0], -1)


def lokr(roles) -> np.ndarray:
    w1 = roles["w1"] if "w1" in roles else roles["w1a"] @ roles["w1b"]
    if "w2" in roles:
        w2 = roles["w2"]
    elif "t2" in roles:
        w2 = np.einsum("ijkl,jr,ip->prkl", roles["t2"], roles["w2b"], roles["w2a"])
    else:
        w2 = roles["w2a"] @ roles["w2b"].reshape(roles["w2b"].shape[0], -1)
        if roles["w2b"].ndim == 4:
            w2 = w2.reshape(roles["w2a"].shape[0], *roles["w2b"].shape[1:])
    if w2.ndim == 4:
        w1 = w1[:, :, None, None]
    whole = np.kron(w1, w2)
    return whole.reshape(whole.shape[0], -1)


def dense(roles, kind: str, configured: float | None = None) -> np.ndarray | None:
    """ΔW as m×n, or None where it depends on the base model."""
    if kind in NEEDS_BASE:
        return None
    scale = scale_of(roles, kind, configured)
    if kind in ("lora", "locon"):
        b, a = factors(roles, scale)
        return b @ a
    if kind == "loha":
        return scale * loha(roles)
    if kind == "lokr":
        return scale * lokr(roles)
    return roles["diff"].reshape(roles["diff"].shape[0], -1)


def frobenius(roles, kind: str, configured: float | None = None) -> float | None:
    """‖ΔW‖ in float64. Pairs go through QR, so that real widths stay cheap."""
    if kind in ("lora", "locon"):
        b, a = factors(roles, scale_of(roles, kind, configured))
        return float(np.linalg.norm(np.linalg.qr(b, mode="r") @ np.linalg.qr(a.T, mode="r").T))
    whole = dense(roles, kind, configured)
    return None if whole is None else float(np.linalg.norm(whole))


def shape(roles, kind: str) -> tuple[int, int] | None:
    """(m, n) of ΔW."""
    if "down" in roles:
        b, a = factors(roles, 1.0)
        return b.shape[0], a.shape[1]
    whole = dense(roles, kind)
    return None if whole is None else whole.shape
