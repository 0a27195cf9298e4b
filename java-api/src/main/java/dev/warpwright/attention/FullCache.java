package dev.warpwright.attention;

/** Keeps everything: what other policies are compared with. */
public record FullCache() implements EvictionPolicy {
  @Override
  public int budget() {
    return Integer.MAX_VALUE;
  }

  @Override
  public Observation observation() {
    return Observation.NOTHING;
  }

  @Override
  public void score(RowStatistics row, float[] scores) {}
}
