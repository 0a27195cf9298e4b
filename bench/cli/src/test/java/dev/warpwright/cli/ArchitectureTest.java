package dev.warpwright.cli;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Holds the dependency arrows between the modules: who may use whom. */
class ArchitectureTest {

  private static final DescribedPredicate<JavaClass> OURS = resideInAPackage("dev.warpwright..");
  private static final DescribedPredicate<JavaClass> KERNELS =
      resideInAPackage("dev.warpwright.kernels..");

  /** Parts that have a package of their own below {@code dev.warpwright}; the rest is java-api. */
  private static final DescribedPredicate<JavaClass> API =
      OURS.and(
              not(
                  resideInAnyPackage(
                      "dev.warpwright.kernels..",
                      "dev.warpwright.testkit..",
                      "dev.warpwright.cuda..",
                      "dev.warpwright.tornado..",
                      "dev.warpwright.softgpu..",
                      "dev.warpwright.cli..",
                      "dev.warpwright.bench..")))
          .as("classes of java-api");

  private static JavaClasses all;

  @BeforeAll
  static void readClasses() {
    all =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.warpwright");
  }

  /** A reader too old for our class files skips them silently: every rule would hold. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "dev.warpwright",
        "dev.warpwright.kernels",
        "dev.warpwright.testkit",
        "dev.warpwright.cuda",
        "dev.warpwright.cuda.runtime",
        "dev.warpwright.softgpu",
        "dev.warpwright.cli"
      })
  void readsTheClassesOfEveryModule(String modulePackage) {
    assertTrue(
        all.stream().anyMatch(c -> c.getPackageName().equals(modulePackage)),
        () -> "no class read from " + modulePackage);
  }

  @Test
  void kernelsDependOnNothingElseOfOurs() {
    mayUse(KERNELS, KERNELS).check(all);
  }

  @Test
  void javaApiDependsOnKernelsOnly() {
    mayUse(API, API.or(KERNELS)).check(all);
  }

  @Test
  void testkitDependsOnKernelsOnly() {
    DescribedPredicate<JavaClass> testkit = resideInAPackage("dev.warpwright.testkit..");
    mayUse(testkit, testkit.or(KERNELS)).check(all);
  }

  @Test
  void cudaDependsOnKernelsOnly() {
    DescribedPredicate<JavaClass> cuda = resideInAPackage("dev.warpwright.cuda..");
    mayUse(cuda, cuda.or(KERNELS)).check(all);
  }

  @Test
  void cudaRuntimeDoesNotKnowItsKernels() {
    DescribedPredicate<JavaClass> runtime = resideInAPackage("dev.warpwright.cuda.runtime..");
    mayUse(runtime, runtime.or(KERNELS)).check(all);
  }

  @Test
  void softgpuDependsOnNothingElseOfOurs() {
    DescribedPredicate<JavaClass> softgpu = resideInAPackage("dev.warpwright.softgpu..");
    mayUse(softgpu, softgpu).check(all);
  }

  @Test
  void simulatorDependsOnNothingElseOfOurs() {
    DescribedPredicate<JavaClass> simulator = resideInAPackage("dev.warpwright.softgpu.sim..");
    mayUse(simulator, simulator).check(all);
  }

  @Test
  void tornadoDependsOnKernelsOnly() {
    DescribedPredicate<JavaClass> tornado = resideInAPackage("dev.warpwright.tornado..");
    mayUse(tornado, tornado.or(KERNELS)).check(all);
  }

  @Test
  void noCyclesBetweenTheParts() {
    slices().matching("dev.warpwright.(*)..").should().beFreeOfCycles().check(all);
  }

  @Test
  void noCyclesBetweenKernelFamilies() {
    slices()
        .matching("dev.warpwright.kernels.(*)..")
        .should()
        .beFreeOfCycles()
        .allowEmptyShould(true)
        .check(all);
  }

  private static ArchRule mayUse(
      DescribedPredicate<JavaClass> part, DescribedPredicate<JavaClass> allowed) {
    return classes()
        .that(part)
        .should()
        .onlyDependOnClassesThat(not(OURS).or(allowed))
        .allowEmptyShould(true);
  }
}
