package dev.warpwright.testkit;

import java.util.List;

/** The contracts of all kernels that are built. */
public final class Contracts {
  private Contracts() {}

  /** One contract a kernel, in the catalogue's order. */
  public static List<KernelContract> all() {
    return List.of(
        new RmsNormContract(),
        new AppendKvContract(),
        new PagedDecodeContract(),
        new PagedPrefillContract(),
        new WindowScoresContract(),
        new ScoreAccumulateContract(),
        new SelectTokensContract(),
        new CompactKvContract(),
        new GatherPagesContract(),
        new ScatterPagesContract(),
        new RerotateKeysContract(),
        new PageBoundsContract(),
        new ScorePagesContract(),
        new MergeSimilarKvContract(),
        new MergeStatesContract(),
        new MatmulContract(),
        new QuantMatmulContract(),
        new GroupSparseMatmulContract(),
        new RouteContract(),
        new DispatchContract(),
        new ExpertMatmulContract(),
        new CombineContract(),
        new TreeReduceContract());
  }
}
