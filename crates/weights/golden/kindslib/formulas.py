"""ΔW of every kind in float64, from the definitions: whole matrices, no shortcuts. `k` is a module's tensors by role, W0 its base weight."""

import numpy as np


def flat(x):
    return x.reshape(x.shape[0], -1)


def core(t, a, b):
    """[p, q, k…], [p, out], [q, in] → [out, in, k…]."""
    return np.einsum("pq...,po,qi->oi...", t, a, b)


def pair(k, scale):
    if "mid" in k:
        up, down = flat(k["up"]), flat(k["down"])
        return scale * np.einsum("pq...,op,qi->oi...", k["mid"], up, down)
    down = k["down"]
    return scale * (flat(k["up"]) @ flat(down)).reshape(k["up"].shape[0], *down.shape[1:])


def loha(k, scale, shape):
    def half(n):
        if f"t{n}" in k:
            return core(k[f"t{n}"], k[f"w{n}a"], k[f"w{n}b"])
        return (k[f"w{n}a"] @ flat(k[f"w{n}b"])).reshape(shape)

    return scale * half(1) * half(2)


def lokr(k, scale, shape):
    w1 = k["w1"] if "w1" in k else k["w1a"] @ k["w1b"]
    if "w2" in k:
        w2 = k["w2"]
    elif "t2" in k:
        w2 = core(k["t2"], k["w2a"], k["w2b"])
    else:
        w2 = k["w2a"] @ flat(k["w2b"])
    return scale * np.kron(flat(w1), flat(w2)).reshape(shape)


def dora(w0, step, magnitude, axis):
    """W' = m∘(W0 + V)/‖W0 + V‖, the norm over everything but `axis`."""
    whole = w0 + step
    norm = np.sqrt((whole**2).sum(axis=tuple(i for i in range(whole.ndim) if i != axis), keepdims=True))
    shape = [1] * whole.ndim
    shape[axis] = -1
    return magnitude.reshape(shape) * whole / norm - w0


def skew(x):
    return x - np.swapaxes(x, -1, -2)


def cayley(q):
    """(I + Q)(I − Q)⁻¹."""
    eye = np.eye(q.shape[-1])
    return (eye + q) @ np.linalg.inv(eye - q)


def block_diagonal(blocks):
    size = blocks.shape[-1]
    out = np.zeros((len(blocks) * size,) * 2)
    for i, block in enumerate(blocks):
        out[i * size : (i + 1) * size, i * size : (i + 1) * size] = block
    return out


def oft(w0, blocks, bound=None, rescale=None):
    """LyCORIS and kohya: rows times Rᵀ; `bound` limits ‖Q‖ over all blocks."""
    q = skew(blocks)
    norm = np.linalg.norm(q)
    if bound is not None and norm > bound:
        q = q * bound / norm
    new = block_diagonal(cayley(q)).T @ flat(w0)
    if rescale is not None:
        new = rescale.reshape(-1, 1) * new
    return new.reshape(w0.shape) - w0


def boft(w0, blocks, bound=None, rescale=None):
    """LyCORIS: stage i on rows (c, g, k) in the order (c, k, g), k = 2ⁱ·b/2, written as a permutation matrix."""
    q = skew(blocks)
    norm = np.linalg.norm(q)
    if bound is not None and norm > bound:
        q = q * bound / norm
    new = flat(w0)
    rows, size = new.shape[0], blocks.shape[-1]
    for i, stage in enumerate(q):
        k = 2**i * (size // 2)
        order = np.arange(rows).reshape(-1, 2, k).transpose(0, 2, 1).reshape(-1)
        shuffle = np.eye(rows)[order]
        new = shuffle.T @ block_diagonal(cayley(stage)) @ shuffle @ new
    if rescale is not None:
        new = rescale.reshape(-1, 1) * new
    return new.reshape(w0.shape) - w0


def ia3(w0, vector, on_input, added=True):
    shape = [1] * w0.ndim
    shape[1 if on_input else 0] = -1
    factor = vector.reshape(shape) + (1 if added else 0)
    return w0 * factor - w0


def glora(w0, p, q, u, v, scale, mid=None):
    """s·(W0·P·Q + U·V), the first over input channels."""
    first = np.einsum("oi...,ij->oj...", w0, flat(p) @ flat(q))
    if mid is None:
        second = (flat(u) @ flat(v)).reshape(w0.shape)
    else:
        second = np.einsum("pq...,op,qi->oi...", mid, flat(u), flat(v))
    return scale * (first + second)
