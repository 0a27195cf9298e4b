package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.KernelId;
import dev.warpwright.kernels.KernelSpec;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import dev.warpwright.testkit.CaseRandom;
import dev.warpwright.testkit.ContractCase;
import dev.warpwright.testkit.ContractViolation;
import dev.warpwright.testkit.KernelContract;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class VerifyCommandTest {

  /** A contract whose case of one seed is violated; −1 is the extreme. */
  private record Violated(long badSeed) implements KernelContract {
    @Override
    public KernelId kernel() {
      return KernelId.TREE_REDUCE;
    }

    @Override
    public List<ContractCase> extremes() {
      return List.of(new Case(-1, badSeed));
    }

    @Override
    public ContractCase random(CaseRandom random) {
      return new Case(random.seed(), badSeed);
    }
  }

  private record Case(long seed, long badSeed) implements ContractCase {
    @Override
    public KernelSpec spec() {
      return new TreeReduceSpec(
          2,
          3,
          DType.F32,
          TreeReduceSpec.Operation.WEIGHTED_SUM,
          TreeReduceSpec.Determinism.CANONICAL);
    }

    @Override
    public double run(KernelDevice reference, KernelDevice device) {
      if (seed == badSeed) {
        throw new ContractViolation("y[3] is 1.0, the reference has 2.0");
      }
      return 0.25;
    }
  }

  private static CommandRun verify(long badSeed, String... arguments) {
    KernelContract contract = new Violated(badSeed);
    return CommandRun.of(new CommandLine(new VerifyCommand(List.of(contract))), arguments);
  }

  @Test
  void tellsCasesAndWorstError() {
    CommandRun run = verify(999, "--cases", "20", "--threads", "2");
    assertEquals(0, run.exit(), run::err);
    assertTrue(run.out().matches("(?s).*treeReduce +cpu +21 +25\\.0 % +ok.*"), run::out);
  }

  @Test
  void aViolationTellsTheCommandThatRepeatsIt() {
    CommandRun run = verify(1005, "--cases", "20", "--seed", "1000", "--threads", "2");
    assertEquals(1, run.exit());
    assertTrue(run.out().matches("(?s).*treeReduce +cpu +6 +25\\.0 % +VIOLATED.*"), run::out);
    assertTrue(run.out().contains("y[3] is 1.0, the reference has 2.0"), run::out);
    String command = "--kernel treeReduce --provider cpu --threads 2 --cases 1 --seed 1005";
    assertTrue(run.out().contains("repeat: warpwright verify " + command), run::out);
    assertEquals(1, verify(1005, command.split(" ")).exit());
  }

  @Test
  void aViolatedExtremeNeedsNoSeed() {
    CommandRun run = verify(-1, "--threads", "1");
    assertEquals(1, run.exit());
    assertTrue(run.out().contains("--provider cpu --threads 1 --cases 0"), run::out);
  }

  @Test
  void namesAreChecked() {
    CommandRun kernel = verify(0, "--kernel", "fft");
    assertEquals(2, kernel.exit());
    assertTrue(kernel.err().startsWith("--kernel is fft; allowed: treeReduce"), kernel::err);
    CommandRun provider = verify(0, "--provider", "abacus");
    assertEquals(2, provider.exit());
    assertTrue(provider.err().startsWith("--provider is abacus; allowed: "), provider::err);
    assertEquals(2, verify(0, "--cases", "-1").exit());
  }

  @Test
  void aKernelOfTheCatalogueKeepsItsContract() {
    CommandRun run =
        CommandRun.of("verify", "--kernel", "dispatch", "--cases", "3", "--threads", "2");
    assertEquals(0, run.exit(), () -> run.out() + run.err());
    assertTrue(run.out().matches("(?s).*dispatch +cpu +\\d+ .* ok.*"), run::out);
  }
}
