package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;

/**
 * How {@link SelectiveAttention} chooses the pages that a new token looks into.
 *
 * @param pages most pages a row; the last one is always among them
 * @param denseLayers so many first layers look into all pages
 * @param sharing so many layers, one after the other, look into pages of the same numbers, chosen
 *     by the first of them; 1 for none
 * @param acrossHeads whether all kv heads of a layer look into pages of the same numbers
 * @param mix the product of a query with a page is judged with the key that lies at this share of
 *     the way from the smallest to the largest elements; NaN for the upper bound of all keys
 */
public record PageSelection(
    int pages, int denseLayers, int sharing, boolean acrossHeads, float mix) {
  /** Checks the values. */
  public PageSelection {
    Checks.between("pages", pages, 1, Integer.MAX_VALUE);
    Checks.between("denseLayers", denseLayers, 0, Integer.MAX_VALUE);
    Checks.between("sharing", sharing, 1, Integer.MAX_VALUE);
    Checks.that(!Float.isInfinite(mix), "mix", mix, "a finite number, or NaN");
  }

  /** As in Quest: by upper bounds, each layer and head on its own, the first two layers dense. */
  public static PageSelection quest(int pages) {
    return new PageSelection(pages, 2, 1, false, Float.NaN);
  }

  /** As in MPCache: by a mix of 0.6, pairs of layers and all heads share, the first two dense. */
  public static PageSelection mpCache(int pages) {
    return new PageSelection(pages, 2, 2, true, 0.6f);
  }
}
