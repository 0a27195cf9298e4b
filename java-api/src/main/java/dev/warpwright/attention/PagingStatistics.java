package dev.warpwright.attention;

/**
 * What the small fast memories of a sequence's rows did, see {@link PageSelection#paged}.
 *
 * @param requests pages that tokens asked for
 * @param misses those that were not in the fast memory and had to be brought there
 * @param judged predictions of which it is known whether they were right
 * @param wrongAgain predictions that a page would be asked for again in the next phase, and it was
 *     not
 * @param wrongGone predictions that it would not, and it was
 * @param resident pages that are in the fast memories now
 */
public record PagingStatistics(
    long requests, long misses, long judged, long wrongAgain, long wrongGone, long resident) {
  /** Nothing was asked for. */
  public static final PagingStatistics NONE = new PagingStatistics(0, 0, 0, 0, 0, 0);

  /** Both together. */
  public PagingStatistics plus(PagingStatistics other) {
    return new PagingStatistics(
        requests + other.requests,
        misses + other.misses,
        judged + other.judged,
        wrongAgain + other.wrongAgain,
        wrongGone + other.wrongGone,
        resident + other.resident);
  }

  /** What a memory did. */
  static PagingStatistics of(OneBitPaging paging) {
    return new PagingStatistics(
        paging.requests(),
        paging.misses(),
        paging.judged(),
        paging.wrongAgain(),
        paging.wrongGone(),
        paging.resident());
  }
}
