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
 * @param frames pages that a small fast memory holds of each row; a token asks for {@code pages} of
 *     them and looks into all that are there. 0 where it looks into nothing but what it asks for
 */
public record PageSelection(
    int pages, int denseLayers, int sharing, boolean acrossHeads, float mix, int frames) {
  /** Checks the values. */
  public PageSelection {
    Checks.between("pages", pages, 1, Integer.MAX_VALUE);
    Checks.between("denseLayers", denseLayers, 0, Integer.MAX_VALUE);
    Checks.between("sharing", sharing, 1, Integer.MAX_VALUE);
    Checks.that(!Float.isInfinite(mix), "mix", mix, "a finite number, or NaN");
    Checks.that(frames == 0 || frames >= pages, "frames", frames, "0, or at least " + pages);
  }

  /** Without a fast memory. */
  public PageSelection(int pages, int denseLayers, int sharing, boolean acrossHeads, float mix) {
    this(pages, denseLayers, sharing, acrossHeads, mix, 0);
  }

  /** As in Quest: by upper bounds, each layer and head on its own, the first two layers dense. */
  public static PageSelection quest(int pages) {
    return new PageSelection(pages, 2, 1, false, Float.NaN);
  }

  /** As in MPCache: by a mix of 0.6, pairs of layers and all heads share, the first two dense. */
  public static PageSelection mpCache(int pages) {
    return new PageSelection(pages, 2, 2, true, 0.6f);
  }

  /** With another number of first layers that look into all pages. */
  public PageSelection denseLayers(int value) {
    return new PageSelection(pages, value, sharing, acrossHeads, mix, frames);
  }

  /**
   * For a pool of which only {@code frames} pages of each row lie in fast memory, which {@link
   * OneBitPaging} manages: each token asks for half of them, by upper bounds, in all layers.
   */
  public static PageSelection paged(int frames) {
    int asked = Math.max(Math.min(frames, 2), frames / 2);
    return new PageSelection(asked, 0, 1, false, Float.NaN, frames);
  }
}
